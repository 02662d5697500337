package repository

// KeepFolders makes the committer look at new paths in pieces of so many folders.
func (c *Committer) KeepFolders(n int) { c.folders = n }
