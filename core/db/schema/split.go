package schema

import "strings"

// Split cuts a text into statements at semicolons that end a line, and leaves out lines that are comments only. A
// semicolon inside a dollar quote ($$) or inside a trigger of SQLite, which ends in a line "END;", does not count.
func Split(text string) []string {
	var all []string
	var statement []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \t\r\n")
		bare := strings.TrimSpace(line)
		if bare == "" || strings.HasPrefix(bare, "--") {
			continue
		}
		statement = append(statement, line)
		if strings.HasSuffix(bare, ";") && complete(statement, bare) {
			all = append(all, join(statement))
			statement = nil
		}
	}
	if len(statement) > 0 {
		all = append(all, join(statement))
	}
	return all
}

func complete(statement []string, last string) bool {
	text := strings.ToUpper(strings.TrimSpace(strings.Join(statement, "\n")))
	if strings.Count(text, "$$")%2 == 1 {
		return false
	}
	head := strings.Fields(text)
	trigger := len(head) > 2 && head[0] == "CREATE" && (head[1] == "TRIGGER" || head[2] == "TRIGGER")
	if !trigger || !strings.Contains(text, "\nBEGIN") && !strings.Contains(text, " BEGIN") {
		return true
	}
	return strings.EqualFold(last, "END;")
}

func join(lines []string) string {
	return strings.TrimSpace(strings.TrimSuffix(strings.Join(lines, "\n"), ";"))
}
