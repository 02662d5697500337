package journey_test

import "testing"

// TestContract plays every scenario of the REST contract on every backend.
func TestContract(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		for _, scenarios := range [][]scenario{
			faults(), headers(), sessions(), repositories(), lists(), references(), labels(), artifacts(), uploads(), contents(),
			versions(), publications(), distributions(), tasks(), bodies(),
		} {
			w.play(t, scenarios...)
		}
	})
}
