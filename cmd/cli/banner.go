package cli

import (
	"fmt"
	"strings"

	"github.com/packhouse/packhouse/cmd/node"
	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/config"
	"github.com/packhouse/packhouse/core/errs"
)

// changePassword is the command that helps whoever does not know the password.
const changePassword = "packhouse user set-password " + auth.AdminName

// banner is what packhouse serve prints once it answers.
func banner(version string, l *config.Loaded, url string, admin node.Admin) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Packhouse %s is ready.\n\n", version)
	fmt.Fprintf(&b, "  URL          %s\n", url)
	fmt.Fprintf(&b, "  Data folder  %s\n", l.Settings.DataDir)
	fmt.Fprintf(&b, "  Log in       %s\n", strings.Join(adminLines(l, admin), "\n               "))
	fmt.Fprintf(&b, "\n  Try it       curl %s%sapi/v3/status/\n", url, l.Settings.APIRoot)
	root := l.Settings.APIRoot
	if l.Settings.DomainEnabled {
		root += "default/"
	}
	fmt.Fprintf(&b, "               curl -u %s %s%sapi/v3/repositories/\n\n", auth.AdminName, url, root)
	return b.String()
}

// adminLines say how to log in, and what is wrong with that.
func adminLines(l *config.Loaded, admin node.Admin) []string {
	chosen := !l.Settings.AdminPassword.Empty()
	switch {
	case !admin.Password.Empty():
		return []string{auth.AdminName + " / " + admin.Password.Reveal(), "(shown only now; change it with " + changePassword + ")"}
	case admin.Created && chosen:
		lines := []string{auth.AdminName + " / the password from " + chosenAt(l)}
		if admin.Weak != nil {
			lines = append(lines, "Warning: it is weak. "+weakness(admin.Weak))
		}
		return lines
	case admin.Created:
		return []string{auth.AdminName + " / the password in " + admin.File}
	}
	lines := []string{"as before; for a new password: " + changePassword}
	if admin.File != "" {
		lines[0] = "as before; the first password is in " + admin.File
	}
	if chosen {
		lines = append(lines, chosenAt(l)+" is ignored, the user is there already: "+changePassword)
	}
	return lines
}

// chosenAt is where the admin's password was written.
func chosenAt(l *config.Loaded) string {
	steps := l.Explain("admin_password")
	if len(steps) == 0 {
		return "admin_password"
	}
	return steps[len(steps)-1].Origin.String()
}

func weakness(err error) string {
	_, faults, _ := strings.Cut(plain(err), ": ")
	if !errs.Is(err, errs.Invalid) {
		return plain(err)
	}
	return faults
}
