package ldap

import (
	"testing"

	"github.com/go-ldap/ldap/v3"
)

func TestFilterFillsOnce(t *testing.T) {
	t.Parallel()
	got := filter("(&(a=%s)(b=%u)(c=100%)(d=%x))", map[byte]string{'s': "%u*", 'u': "(v)"})
	if want := `(&(a=%u\2a)(b=\28v\29)(c=100%)(d=%x))`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// FuzzFilter: whatever the name, the filter keeps its shape and asks for exactly this name.
func FuzzFilter(f *testing.F) {
	for _, name := range []string{"ann", "*", ")(uid=*", "\\", "\x00", "%s", "ö", "\xff"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if name == "" {
			return
		}
		packet, err := ldap.CompileFilter(filter("(&(objectClass=person)(uid=%s))", map[byte]string{'s': name}))
		if err != nil {
			t.Fatalf("%q breaks the filter: %v", name, err)
		}
		if packet.Tag != ldap.FilterAnd || len(packet.Children) != 2 {
			t.Fatalf("%q changes the filter", name)
		}
		match := packet.Children[1]
		if match.Tag != ldap.FilterEqualityMatch || match.Children[1].Data.String() != name {
			t.Fatalf("%q is asked for as %v %q", name, match.Tag, match.Children[1].Data.String())
		}
	})
}
