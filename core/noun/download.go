package noun

import (
	"context"
	"net/url"
	"slices"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/remote"
	"github.com/packhouse/packhouse/core/resource"
)

// downloadFields are the members of a create that let the task fetch the file itself.
func downloadFields[C any](row func(*C) *Content) []resource.Field[C] {
	return []resource.Field[C]{
		resource.NullText("file_url", func(m *C) **string { return &row(m).FileURL }).Unstored().WriteOnly().
			Doc("A url that the task downloads the file from."),
		resource.Nested("downloader_config", func(m *C) **model.Remote { return &row(m).Downloader }, networkFields(), checkProxy).
			Doc("How file_url is downloaded: the network members of a remote."),
	}
}

// networkFields are those members of a remote that say how to download, not what.
func networkFields() []resource.Field[model.Remote] {
	self := func(r *model.Remote) *model.Remote { return r }
	all := RemoteFields(self, []model.Policy{model.Immediate}, func(*resource.Input, *model.Remote) error { return nil })
	return slices.DeleteFunc(all, func(f resource.Field[model.Remote]) bool {
		return slices.Contains([]string{"name", "url", "policy", "pulp_labels", "hidden_fields"}, f.Name)
	})
}

// prepareDownload takes credentials out of the URL, for the remote that is made of what the request says; that remote
// is never stored.
func (c *Content) prepareDownload(in *resource.Input) error {
	if c.FileURL == nil {
		if c.Downloader != nil {
			return errs.Field("downloader_config", "This is only for 'file_url'; give one or leave it out.")
		}
		return nil
	}
	if c.Downloader == nil {
		c.Downloader = &model.Remote{TLSValidation: true}
	}
	address, err := url.Parse(*c.FileURL)
	if err != nil {
		return errs.Field("file_url", "Enter a valid URL.")
	}
	if address.User != nil {
		if err := c.embedded(in, address.User); err != nil {
			return err
		}
		address.User = nil
	}
	plain := address.String()
	if err := remote.CheckURL(plain, in.ImportPaths); err != nil {
		return errs.Field("file_url", "%s", err)
	}
	c.FileURL, c.Downloader.URL = &plain, plain
	return nil
}

// embedded makes basic authentication of credentials that stood in the URL.
func (c *Content) embedded(in *resource.Input, user *url.Userinfo) error {
	if in.Box == nil {
		return errs.New(errs.Internal, "no key file was loaded, so no secret can be kept; see the setting db_encryption_key")
	}
	password, _ := user.Password()
	for _, secret := range []struct {
		column, plain string
		into          *[]byte
	}{{"username", user.Username(), &c.Downloader.Username}, {"password", password, &c.Downloader.Password}} {
		sealed, err := in.Box.Seal(remote.Purpose(secret.column), []byte(secret.plain))
		if err != nil {
			return err
		}
		*secret.into = sealed
	}
	return nil
}

// download fetches the file of a create before its transaction begins.
func (c *Content) download(ctx context.Context, env *resource.Env) (resource.Temporary, error) {
	client, err := env.Remotes.Client(c.Downloader)
	if err != nil {
		return nil, err
	}
	store, err := env.Artifacts.In(ctx, c.DomainID)
	if err != nil {
		return nil, err
	}
	file, err := client.Download(ctx, store, remote.Want{URL: *c.FileURL})
	if err != nil {
		return nil, err
	}
	c.File = file
	return file, nil
}
