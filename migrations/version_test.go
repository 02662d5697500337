package migrations

import "testing"

func TestOlder(t *testing.T) {
	t.Parallel()
	// Each is older than all behind it.
	rising := []string{"", "0.1", "0.9.9", "0.10.0.dev", "0.10.0", "1.0.0-alpha", "1.0.0-beta", "1.0.0-rc1", "v1.0", "1.0.1", "1.2", "1.10", "2.0.0rc1", "2"}
	for i, a := range rising {
		for j, b := range rising {
			if older(a, b) != (i < j) {
				t.Errorf("older(%q, %q) is %v", a, b, older(a, b))
			}
		}
	}
	for _, same := range []string{"1", "1.0", "v1.0.0", "1.0.0+build7"} {
		if older(same, "1.0.0") || older("1.0.0", same) {
			t.Errorf("%q is not 1.0.0", same)
		}
	}
}
