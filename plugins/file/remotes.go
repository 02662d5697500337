package file

import (
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/noun"
	"github.com/packhouse/packhouse/core/resource"
)

// The kinds of places that files come from.
var (
	remoteKind    = noun.Kind{Path: "remotes/file/file", Type: "file.file", Component: "file.FileRemote", Table: "file_remotes", Doc: "A manifest that lists files, and the files beside it."}
	gitRemoteKind = noun.Kind{Path: "remotes/file/git", Type: "file.git", Component: "file.FileGitRemote", Table: "file_git_remotes", Doc: "A git repository whose files are content."}
)

// GitRemote is a git repository and what to take of it.
type GitRemote struct {
	model.Remote
	// GitRef is a branch, a tag or a commit.
	GitRef string
}

// Remotes are the addresses of manifests.
var Remotes = noun.RemoteKind[model.Remote]{
	Kind: remoteKind, Row: func(r *model.Remote) *model.Remote { return r },
	Policies: []model.Policy{model.Immediate, model.OnDemand, model.Streamed},
}

// GitRemotes are git repositories, whose files always come at once.
var GitRemotes = noun.RemoteKind[GitRemote]{
	Kind: gitRemoteKind, Row: func(r *GitRemote) *model.Remote { return &r.Remote },
	Policies: []model.Policy{model.Immediate},
	Fields: []resource.Field[GitRemote]{
		resource.Text("git_ref", func(r *GitRemote) *string { return &r.GitRef }).Default("HEAD").
			Doc("The git ref (branch, tag, or commit hash) to sync from. Defaults to HEAD."),
	},
}
