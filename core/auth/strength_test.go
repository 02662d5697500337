package auth

import (
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/errs"
)

func TestCheckPassword(t *testing.T) {
	t.Parallel()
	user := &User{Username: "margarete", FirstName: "Grete", LastName: "Habersack-Lindqvist", Email: "gh@orchards.example"}
	for _, c := range []struct {
		password string
		faults   []string
	}{
		{goodPassword, nil},
		{"größerer Apfel", nil},
		{"short7!", []string{"too short"}},
		{"äöüäöüä", []string{"too short"}},
		{"äöüßäöüß", nil},
		{"", []string{"too short"}},
		{"1234567", []string{"too short", "entirely numeric"}},
		{"12345678", []string{"too common", "entirely numeric"}},
		{"83610472950", []string{"entirely numeric"}},
		{"Password", []string{"too common"}},
		{"  ChangeMe1 ", []string{"too common"}},
		{"margarete1", []string{"similar to the username"}},
		{"MARGARETE", []string{"similar to the username"}},
		{"eteragram", []string{"similar to the username"}},
		{"habersack!", []string{"similar to the last name"}},
		{"lindqvist77", []string{"similar to the last name"}},
		{"orchards8", []string{"similar to the email"}},
		{strings.Repeat("ab", 2049), []string{"too long"}},
	} {
		err := CheckPassword("new_password", c.password, user)
		if len(c.faults) == 0 {
			if err != nil {
				t.Errorf("%q: %v", c.password, err)
			}
			continue
		}
		checkFaults(t, c.password, err, c.faults)
	}
	if err := CheckPassword("password", goodPassword, nil); err != nil {
		t.Errorf("without a user: %v", err)
	}
}

func checkFaults(t *testing.T, password string, err error, want []string) {
	t.Helper()
	e, ok := err.(*errs.Error)
	if !ok || e.Kind != errs.Invalid {
		t.Errorf("%q: got %v", password, err)
		return
	}
	got, _ := e.Fields["new_password"].([]string)
	if len(got) != len(want) {
		t.Errorf("%q: got %q, want %q", password, got, want)
		return
	}
	for i := range want {
		if !strings.Contains(got[i], want[i]) {
			t.Errorf("%q: got %q, want %q", password, got, want)
		}
	}
	if password != "" && strings.Contains(err.Error(), password) {
		t.Errorf("the error repeats the password %q", password)
	}
}

func TestGeneratedPasswordsPass(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for range 200 {
		password := GeneratePassword()
		if err := CheckPassword("password", password, &User{Username: AdminName}); err != nil || seen[password] {
			t.Fatalf("%q: %v, seen before: %v", password, err, seen[password])
		}
		if strings.ContainsAny(password, "01") || strings.ToLower(password) != password {
			t.Errorf("%q has characters that are taken for others", password)
		}
		seen[password] = true
	}
}

func TestCommonPasswordsAreWrittenAsCompared(t *testing.T) {
	t.Parallel()
	for word := range commonPasswords() {
		if word != strings.ToLower(word) || !isCommon(strings.ToUpper(word)) {
			t.Errorf("%q is never found", word)
		}
	}
}
