package resource

// ReferenceList is a list of hrefs or PRNs of objects of the domain that exist; null leaves it as it is. What is taken
// are the objects, never nil once a request named any; show writes the list.
func ReferenceList[M any](name string, taken func(*M) *[]Object, show func(*Show, *M), targets ...Target) Field[M] {
	f := stored(name, arraySchema(URI()), taken, nil, func(in *Input, value any) ([]Object, error) {
		texts, err := parseTexts(in, value)
		if err != nil {
			return nil, err
		}
		objects := make([]Object, 0, len(texts))
		for _, text := range texts {
			o, err := in.Resolve(text, targets...)
			if err != nil {
				return nil, err
			}
			objects = append(objects, o)
		}
		return objects, nil
	})
	f.show = show
	return f.keptByNull().Unstored()
}
