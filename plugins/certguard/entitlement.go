package certguard

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"strings"
)

// Extensions of entitlement certificates lie below 1.3.6.1.4.1.2312.9: 6 is the version, 7 the packed tree of paths of
// version 3, and 2.<number>.1.6 one path of version 1.
func entitlementExtensions() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 2312, 9}
}

// coverage tells whether paths are covered by a certificate.
type coverage interface {
	covers(path []string) bool
}

// entitled lets a path through, as it is looked up below the content prefix, that the certificate covers.
func entitled(certificate *x509.Certificate, path string) error {
	covered, err := entitlements(certificate)
	if err != nil {
		return refused("the entitlement certificate cannot be read")
	}
	if !covered.covers(segments(path)) {
		return refused("the entitlement certificate does not name this path")
	}
	return nil
}

func entitlements(certificate *x509.Certificate) (coverage, error) {
	extensions := below(certificate)
	version := ""
	if value, given := extensions["6"]; given {
		var ok bool
		if version, ok = derText(value); !ok {
			return nil, errors.New("the version is no text")
		}
	}
	switch major, _, _ := strings.Cut(version, "."); major {
	case "", "1":
		return pathList(extensions), nil
	case "3":
		var packed []byte
		if rest, err := asn1.Unmarshal(extensions["7"], &packed); err != nil || len(rest) > 0 {
			return nil, errors.New("there is no tree of paths")
		}
		return parsePathTree(packed)
	}
	return nil, errors.New("the version " + version + " is not known")
}

// below gives the values of the extensions by what their identifiers end in, such as "2.31.1.6".
func below(certificate *x509.Certificate) map[string][]byte {
	root, found := entitlementExtensions(), map[string][]byte{}
	for _, e := range certificate.Extensions {
		if len(e.Id) > len(root) && e.Id[:len(root)].Equal(root) {
			found[e.Id[len(root):].String()] = e.Value
		}
	}
	return found
}

func derText(value []byte) (string, bool) {
	var text string
	rest, err := asn1.Unmarshal(value, &text)
	return text, err == nil && len(rest) == 0
}

// paths are those of a certificate of version 1.
type paths [][]string

func pathList(extensions map[string][]byte) paths {
	var all paths
	for id, value := range extensions {
		parts := strings.Split(id, ".")
		if len(parts) != 4 || parts[0] != "2" || parts[2] != "1" || parts[3] != "6" {
			continue
		}
		if text, ok := derText(value); ok {
			all = append(all, segments(text))
		}
	}
	return all
}

// covers tells whether a path is one of these or below one. A path without segments covers nothing.
func (all paths) covers(path []string) bool {
	for _, want := range all {
		if len(want) == 0 || len(want) > len(path) {
			continue
		}
		matches := true
		for i := range want {
			matches = matches && fits(want[i], path[i])
		}
		if matches {
			return true
		}
	}
	return false
}

// segments takes a path apart; slashes at both ends count for nothing.
func segments(path string) []string {
	if path = strings.Trim(path, "/"); path == "" {
		return nil
	}
	return strings.Split(path, "/")
}

// fits compares a segment with one of a certificate, which may begin with a variable such as $releasever: that stands
// for any text in its place.
func fits(want, segment string) bool {
	variable, isVariable := strings.CutPrefix(want, "$")
	if !isVariable {
		return want == segment
	}
	end := strings.TrimLeft(variable, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
	return len(end) < len(variable) && len(segment) > len(end) && strings.HasSuffix(segment, end)
}

var (
	_ coverage = paths(nil)
	_ coverage = (*pathTree)(nil)
)
