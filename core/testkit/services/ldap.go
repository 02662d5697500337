package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// The directory of the tests: its root, and who may do everything.
const (
	ldapBase     = "dc=example,dc=org"
	ldapAdmin    = "cn=admin," + ldapBase
	ldapPassword = "tests only"
)

// startLDAP starts an OpenLDAP server with an empty directory. Its address carries the administrator, the base as its
// path, and in ca the file with the certificate that it begins TLS with.
func startLDAP(ctx context.Context, dir string) (*server, error) {
	home := filepath.Join(dir, "ldap")
	program, err := prepareLDAP(home)
	if err != nil {
		return nil, fmt.Errorf("prepare the directory: %w", err)
	}
	return start(ctx, dir, spec{
		name: "ldap", variable: "PACKHOUSE_TEST_LDAP", quit: syscall.SIGTERM,
		command: func(port string) []string {
			return []string{program, "-d", "0", "-f", filepath.Join(home, "slapd.conf"), "-h", "ldap://127.0.0.1:" + port + "/"}
		},
		url: func(port string) string {
			u := url.URL{Scheme: "ldap", User: url.UserPassword(ldapAdmin, ldapPassword), Host: "127.0.0.1:" + port, Path: "/" + ldapBase,
				RawQuery: url.Values{"ca": {filepath.Join(home, "server.crt")}}.Encode()}
			return u.String()
		},
		ready: fillLDAP,
	})
}

// prepareLDAP writes what the server reads and gives the program to start. That is a copy: security profiles of Debian
// know the program by its path and keep it to folders that are not ours.
func prepareLDAP(home string) (program string, err error) {
	installed, err := slapd()
	if err != nil {
		return "", err
	}
	data := filepath.Join(home, "data")
	if err := os.MkdirAll(data, 0o700); err != nil {
		return "", err
	}
	text, err := os.ReadFile(installed)
	if err != nil {
		return "", err
	}
	program = filepath.Join(home, "slapd")
	if err := writeProgram(program, text); err != nil {
		return "", err
	}
	if err := writeCertificate(filepath.Join(home, "server")); err != nil {
		return "", err
	}
	configuration, err := ldapConfiguration(home, data)
	if err != nil {
		return "", err
	}
	return program, os.WriteFile(filepath.Join(home, "slapd.conf"), []byte(configuration), 0o600)
}

// writeProgram writes a file that can be run at once. A process that is forked while it is open for writing keeps it open
// until its own program begins, and as long it is busy and cannot be run: so none is forked meanwhile.
func writeProgram(path string, text []byte) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return os.WriteFile(path, text, 0o700)
}

// ldapConfiguration lets binds without a password succeed as anonymous, as the standard has it: clients must cope.
func ldapConfiguration(home, data string) (string, error) {
	schema := ""
	for _, folder := range []string{"/etc/ldap/schema", "/etc/openldap/schema"} {
		if _, err := os.Stat(filepath.Join(folder, "inetorgperson.schema")); err == nil {
			schema = folder
		}
	}
	if schema == "" {
		return "", errors.New("the schema files of OpenLDAP are missing; install the package slapd again")
	}
	lines := []string{"allow bind_anon_cred"}
	for _, name := range []string{"core", "cosine", "inetorgperson"} {
		lines = append(lines, "include "+filepath.Join(schema, name+".schema"))
	}
	if _, err := os.Stat("/usr/lib/ldap/back_mdb.la"); err == nil {
		lines = append(lines, "modulepath /usr/lib/ldap", "moduleload back_mdb")
	}
	return strings.Join(append(lines,
		"pidfile "+filepath.Join(home, "slapd.pid"),
		"TLSCertificateFile "+filepath.Join(home, "server.crt"), "TLSCertificateKeyFile "+filepath.Join(home, "server.key"),
		"database mdb", "suffix "+ldapBase, `rootdn "`+ldapAdmin+`"`, `rootpw "`+ldapPassword+`"`, "directory "+data, "maxsize 67108864", "dbnosync",
		"access to attrs=userPassword by anonymous auth by * none", "access to * by * read", ""), "\n"), nil
}

// slapd finds the server's program, which is no command for everybody.
func slapd() (string, error) {
	if path, err := exec.LookPath("slapd"); err == nil {
		return path, nil
	}
	return exec.LookPath("/usr/sbin/slapd")
}

// writeCertificate writes a key and a certificate that is its own authority.
func writeCertificate(path string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	form := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "127.0.0.1"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(24 * time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	certificate, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(path+".crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}), 0o600),
		os.WriteFile(path+".key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
}

// fillLDAP waits for the server and makes the root of the directory.
func fillLDAP(_ context.Context, address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	conn, err := ldap.DialURL("ldap://" + u.Host)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetTimeout(stopWithin)
	if err := conn.Bind(ldapAdmin, ldapPassword); err != nil {
		return err
	}
	root := ldap.NewAddRequest(ldapBase, nil)
	root.Attribute("objectClass", []string{"dcObject", "organization"})
	root.Attribute("dc", []string{"example"})
	root.Attribute("o", []string{"tests"})
	err = conn.Add(root)
	if ldap.IsErrorWithCode(err, ldap.LDAPResultEntryAlreadyExists) {
		return nil
	}
	return err
}
