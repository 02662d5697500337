package ldap

import (
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// filter fills values into a filter in place of % and their letter. They are escaped (RFC 4515, section 3), so that a
// name stays a name whatever it holds. What a value holds is not filled in again.
func filter(form string, values map[byte]string) string {
	var b strings.Builder
	for i := 0; i < len(form); i++ {
		if form[i] == '%' && i+1 < len(form) {
			if value, ok := values[form[i+1]]; ok {
				b.WriteString(ldap.EscapeFilter(value))
				i++
				continue
			}
		}
		b.WriteByte(form[i])
	}
	return b.String()
}
