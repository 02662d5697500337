package file

import (
	"bufio"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/publication"
)

// writeManifest writes a line "relative_path,sha256,size" for each file, as readers of PULP_MANIFEST expect.
func writeManifest(w io.Writer, units iter.Seq2[publication.Unit, error]) error {
	out := bufio.NewWriter(w)
	for unit, err := range units {
		if err != nil {
			return fmt.Errorf("list the files of the version: %w", err)
		}
		if strings.HasPrefix(unit.RelativePath, "#") || strings.TrimSpace(unit.RelativePath) != unit.RelativePath {
			return errs.New(errs.Conflict, "%q begins with # or has white space around it, which no manifest can tell; remove the file and publish again", unit.RelativePath)
		}
		if unit.Gone {
			return errs.New(errs.Conflict, "%s is not downloaded and the remote that it came from is not there any more; sync the repository from a remote that has the file and publish again", unit.RelativePath)
		}
		if unit.SHA256 == "" || unit.Size < 0 {
			return errs.New(errs.Conflict, "%s is not downloaded and its upstream says no digest or size; sync with the policy immediate and publish again", unit.RelativePath)
		}
		if _, err := fmt.Fprintf(out, "%s,%s,%d\n", unit.RelativePath, unit.SHA256, unit.Size); err != nil {
			return err
		}
	}
	return out.Flush()
}
