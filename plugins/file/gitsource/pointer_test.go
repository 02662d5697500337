package gitsource

import (
	"strings"
	"testing"
)

func TestPointers(t *testing.T) {
	t.Parallel()
	oid := strings.Repeat("0123456789abcdef", 4)
	right := version + "oid sha256:" + oid + "\nsize 12345\n"
	table := map[string]struct {
		text string
		is   bool
		err  string
	}{
		"a pointer":              {right, true, ""},
		"an empty file":          {version + "oid sha256:" + oid + "\nsize 0\n", true, ""},
		"a key that is not ours": {version + "oid sha256:" + oid + "\nsize 1\nx-other.key a b c\n", true, ""},
		"nothing":                {"", false, ""},
		"a text":                 {"hello\n", false, ""},
		"another version":        {strings.Replace(right, "v1", "v2", 1), false, ""},
		"another address":        {strings.Replace(right, "git-lfs", "hawser", 1), false, ""},
		"one that is long":       {right + "z " + strings.Repeat("z", pointerSize) + "\n", false, ""},
		"a text before":          {" " + right, false, ""},
		"no more than a version": {version, false, "does not end with a line feed"},
		"an empty line":          {version + "\n", false, "not a key and a value"},
		"cut short":              {right[:len(right)-1], false, "line feed"},
		"no oid":                 {version + "size 1\n", false, "no SHA-256"},
		"no size":                {version + "oid sha256:" + oid + "\n", false, "no number of bytes"},
		"another digest":         {strings.Replace(right, "sha256", "sha512", 1), false, "no SHA-256"},
		"a short digest":         {strings.Replace(right, oid, oid[1:], 1), false, "no SHA-256"},
		"capitals":               {strings.Replace(right, oid, strings.ToUpper(oid), 1), false, "no SHA-256"},
		"a negative size":        {strings.Replace(right, "size 12345", "size -1", 1), false, "no number of bytes"},
		"a size with a sign":     {strings.Replace(right, "size 12345", "size +1", 1), false, "no number of bytes"},
		"a size with a zero":     {strings.Replace(right, "size 12345", "size 01", 1), false, "no number of bytes"},
		"a size that is too big": {strings.Replace(right, "size 12345", "size 9223372036854775808", 1), false, "no number of bytes"},
		"carriage returns":       {strings.ReplaceAll(right, "oid", "\roid"), false, "not a key and a value"},
		"another order":          {version + "size 1\noid sha256:" + oid + "\n", false, "not in its place"},
		"a key twice":            {version + "oid sha256:" + oid + "\nsize 1\nsize 1\n", false, "not in its place"},
		"an extension":           {version + "ext-0-case sha256:" + oid + "\noid sha256:" + oid + "\nsize 1\n", false, "extension"},
		"a line without value":   {right + "z\n", false, "not a key and a value"},
	}
	for name, row := range table {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, is, err := ParsePointer([]byte(row.text))
			if is != row.is || (err == nil) != (row.err == "") || err != nil && !strings.Contains(err.Error(), row.err) {
				t.Errorf("ParsePointer = %v, %v, %v; want %v, %q", p, is, err, row.is, row.err)
			}
			if is && p.OID != oid {
				t.Errorf("the oid is %q", p.OID)
			}
		})
	}
}

func FuzzParsePointer(f *testing.F) {
	f.Add(version + "oid sha256:" + strings.Repeat("0", 64) + "\nsize 1\n")
	f.Add(version + "ext-0-x y\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		p, is, err := ParsePointer([]byte(text))
		if !is {
			return
		}
		if err != nil || len(p.OID) != 64 || p.Size < 0 {
			t.Fatalf("ParsePointer(%q) = %v, %v", text, p, err)
		}
		if again, is, err := ParsePointer([]byte(p.String())); !is || err != nil || again != p {
			t.Errorf("%v is written as %q, which is read as %v, %v, %v", p, p, again, is, err)
		}
	})
}
