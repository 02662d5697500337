package content

import (
	"path"
	"strings"
)

// octetStream is the media type of what is not known.
const octetStream = "application/octet-stream"

// mediaTypes are the media types by the last suffix of a name. The table is our own, because the system's table
// differs from machine to machine. Compressed files are files of that type; they are never sent as an encoding.
var mediaTypes = map[string]string{
	".7z":     "application/x-7z-compressed",
	".apk":    "application/vnd.android.package-archive",
	".asc":    "application/pgp-signature",
	".bz2":    "application/x-bzip2",
	".crt":    "application/x-x509-ca-cert",
	".css":    "text/css",
	".csv":    "text/csv",
	".deb":    "application/vnd.debian.binary-package",
	".drpm":   "application/x-rpm",
	".gif":    "image/gif",
	".gz":     "application/gzip",
	".htm":    "text/html",
	".html":   "text/html",
	".ico":    "image/vnd.microsoft.icon",
	".iso":    "application/x-iso9660-image",
	".jar":    "application/java-archive",
	".jpeg":   "image/jpeg",
	".jpg":    "image/jpeg",
	".js":     "text/javascript",
	".json":   "application/json",
	".md":     "text/markdown",
	".mjs":    "text/javascript",
	".pdf":    "application/pdf",
	".pem":    "application/x-pem-file",
	".png":    "image/png",
	".rpm":    "application/x-rpm",
	".sha256": "text/plain",
	".sha512": "text/plain",
	".sig":    "application/pgp-signature",
	".svg":    "image/svg+xml",
	".tar":    "application/x-tar",
	".tgz":    "application/gzip",
	".txt":    "text/plain",
	".wasm":   "application/wasm",
	".webp":   "image/webp",
	".xhtml":  "application/xhtml+xml",
	".xml":    "application/xml",
	".xz":     "application/x-xz",
	".yaml":   "application/yaml",
	".yml":    "application/yaml",
	".zip":    "application/zip",
	".zst":    "application/zstd",
}

// mediaType gives the media type of a file by its name.
func mediaType(name string) string {
	if known, ok := mediaTypes[strings.ToLower(path.Ext(name))]; ok {
		return known
	}
	return octetStream
}

// scripted tells whether browsers run scripts in documents of a media type. Such files come from anybody who may
// upload, and the API may have the same origin, so they are sent with a sandbox.
func scripted(mediaType string) bool {
	switch mediaType {
	case "text/html", "application/xhtml+xml", "image/svg+xml", "application/xml":
		return true
	}
	return false
}
