package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// document is the file of all figures.
type document struct {
	Measured   time.Time `json:"measured"`
	Go         string    `json:"go"`
	Processors int       `json:"processors"`
	Quick      bool      `json:"quick"`
	Bytes      int64     `json:"upload_bytes"`
	Units      int       `json:"units"`
	Figures    []figure  `json:"figures"`
}

// write prints the table and keeps all figures in a file.
func (b *bench) write(w io.Writer, file string) error {
	if _, err := io.WriteString(w, b.table()); err != nil {
		return fmt.Errorf("print the table: %w", err)
	}
	d := document{Measured: time.Now().UTC(), Go: runtime.Version(), Processors: runtime.NumCPU(), Quick: b.quick, Bytes: b.bytes, Units: b.most, Figures: b.figures}
	text, err := json.MarshalIndent(d, "", " ")
	if err != nil {
		return fmt.Errorf("write the figures as JSON: %w", err)
	}
	if err := os.WriteFile(file, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("keep the figures: %w", err)
	}
	return nil
}

// table is the figures as a table in Markdown.
func (b *bench) table() string {
	var t strings.Builder
	t.WriteString("| work | mode | median (least–most) | peer in the same run | ratio | goal |\n|---|---|---|---|---|---|\n")
	for _, f := range b.figures {
		peer, ratio := "", ""
		if len(f.Peer) > 0 {
			peer, ratio = fmt.Sprintf("%s %s (%s)", short(median(f.Peer)), f.Unit, f.PeerWhat), short(f.ratio())
		}
		what := f.What
		if f.Notes != "" {
			what += " (" + f.Notes + ")"
		}
		fmt.Fprintf(&t, "| %s | %s | %s %s (%s–%s) | %s | %s | %s |\n", what, f.Mode, short(f.value()), f.Unit,
			short(slices.Min(f.Runs)), short(slices.Max(f.Runs)), peer, ratio, f.verdict())
	}
	return t.String()
}
