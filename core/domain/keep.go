package domain

import (
	"encoding/json"
	"fmt"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/secret"
)

// Purpose is what the secrets of storages are sealed for.
const Purpose = "core.domain.storage"

// secrets is what a row keeps sealed.
type secrets struct {
	AccessKey     string `json:"access_key,omitempty"`
	SecretKey     string `json:"secret_key,omitempty"`
	SecurityToken string `json:"security_token,omitempty"`
}

// hidden says of a secret whether it is set.
type hidden struct {
	Name string `json:"name"`
	Set  bool   `json:"is_set"`
}

// Shown is the description without its secrets, as the wire form and the row have it.
func (p Place) Shown() model.JSON {
	out := map[string]any{"hidden_fields": []hidden{}}
	if p.Location != "" || !p.isBucket() {
		out["location"] = p.Location
	}
	if p.isBucket() {
		style := "auto"
		if p.PathStyle {
			style = "path"
		}
		out["bucket_name"], out["endpoint_url"], out["region_name"], out["addressing_style"] = p.Bucket, p.Endpoint, p.Region, style
		out["hidden_fields"] = []hidden{{"access_key", p.AccessKey != ""}, {"secret_key", p.SecretKey != ""}, {"security_token", p.SecurityToken != ""}}
	}
	text, err := json.Marshal(out)
	if err != nil {
		panic(err) // texts and booleans can be written
	}
	return text
}

// Keep writes the description into a row. Secrets that are those of before stay sealed as they are, so that they count
// as no change.
func (p Place) Keep(box *secret.Box, row *model.Domain) error {
	row.StorageClass, row.StorageOptions = p.Class, p.Shown()
	if !p.isBucket() {
		row.StorageSettings = nil
		return nil
	}
	if box == nil {
		return errs.New(errs.Internal, "no key file was loaded, so no secret can be stored; see the setting db_encryption_key")
	}
	mine := secrets{p.AccessKey, p.SecretKey, p.SecurityToken}
	if old, err := open(box, row); err == nil && old == mine && len(row.StorageSettings) > 0 {
		return nil
	}
	text, err := json.Marshal(mine)
	if err != nil {
		return fmt.Errorf("write the secrets of a storage: %w", err)
	}
	row.StorageSettings, err = box.Seal(Purpose, text)
	return err
}

func open(box *secret.Box, row *model.Domain) (s secrets, err error) {
	if len(row.StorageSettings) == 0 {
		return s, nil
	}
	text, err := box.Open(Purpose, row.StorageSettings)
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	return s, err
}

// Kept reads the description of a row. Secrets whose key is lost are an error.
func Kept(box *secret.Box, row *model.Domain) (Place, error) {
	p, err := Outline(row)
	if err != nil {
		return p, err
	}
	if len(row.StorageSettings) > 0 && box == nil {
		return p, errs.New(errs.Internal, "no key file was loaded, so the storage of the domain %s cannot be opened; see the setting db_encryption_key", row.Name)
	}
	s, err := open(box, row)
	if err != nil {
		return p, fmt.Errorf("open the secrets of the storage of the domain %s: %w", row.Name, err)
	}
	p.AccessKey, p.SecretKey, p.SecurityToken = s.AccessKey, s.SecretKey, s.SecurityToken
	return p, nil
}

// Outline is Kept without the secrets.
func Outline(row *model.Domain) (Place, error) {
	p := Place{Class: row.StorageClass}
	var o struct {
		Location   string `json:"location"`
		Bucket     string `json:"bucket_name"`
		Endpoint   string `json:"endpoint_url"`
		Region     string `json:"region_name"`
		Addressing string `json:"addressing_style"`
	}
	if len(row.StorageOptions) == 0 {
		return p, nil
	}
	if err := json.Unmarshal(row.StorageOptions, &o); err != nil {
		return p, fmt.Errorf("read where the storage of the domain %s is: %w", row.Name, err)
	}
	p.Location, p.Bucket, p.Endpoint, p.Region, p.PathStyle = o.Location, o.Bucket, o.Endpoint, o.Region, o.Addressing == "path"
	return p, nil
}
