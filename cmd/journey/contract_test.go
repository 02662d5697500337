package journey_test

import "testing"

// TestContract plays every scenario of the REST contract on every backend.
func TestContract(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		for _, scenarios := range [][]scenario{
			faults(), headers(), documents(), sessions(), repositories(), lists(), references(), labels(), artifacts(), uploads(), contents(),
			versions(), publications(), distributions(), remotes(t), alternates(), upkeep(), tasks(), schedules(), bodies(),
		} {
			w.play(t, scenarios...)
		}
	})
}

// TestCleanUp has nobody beside it, see cleanUp.
func TestCleanUp(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) { w.play(t, cleanUp()...) })
}
