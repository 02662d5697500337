package resource

import (
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
)

type labelBody struct {
	key   string
	value *string
}

// LabelActions are set_label and unset_label: synchronous, atomic, one label at a time. table keeps the labels.
func LabelActions[M any](table string, id func(*M) string, get func(*M) *model.Labels) []Action[M] {
	key := Text("key", func(b *labelBody) *string { return &b.key }).Required().Check(func(b *labelBody) error { return checkLabelKey(b.key) })
	value := nullable("value", stringSchema(), func(b *labelBody) **string { return &b.value }, (*Show).String, parseBlankText).Required().
		Check(func(b *labelBody) error {
			if b.value == nil {
				return nil
			}
			return checkLabelValue(*b.value)
		})
	value.blank = true
	set := Accepts[labelBody]{Component: "SetLabel", Fields: []Field[labelBody]{key, value}, Lenient: true}
	unset := Accepts[labelBody]{Component: "UnsetLabel", Fields: []Field[labelBody]{key}, Lenient: true}
	answer := func(doc, schema string) map[int]AnswerDoc { return map[int]AnswerDoc{201: {Doc: doc, Schema: schema}} }
	schemas := map[string]Schema{
		"SetLabelResponse":   objectSchema(map[string]Schema{"key": stringSchema(), "value": stringSchema().OrNull()}, []string{"key", "value"}),
		"UnsetLabelResponse": objectSchema(map[string]Schema{"key": stringSchema(), "value": stringSchema().OrNull().with("readOnly", true)}, []string{"key"}),
	}
	return []Action[M]{
		{Verb: "set_label", Access: Update, Doc: "Set one label.", Body: set, Answers: answer("The label.", "SetLabelResponse"), Components: schemas,
			Handle: func(c *Call, m *M) (*Answer, error) {
				b, err := set.Read(c)
				if err != nil {
					return nil, err
				}
				return changeLabels(c, table, id(m), get, b.key, func(labels model.Labels) (*string, error) {
					labels[b.key] = b.value
					return b.value, nil
				})
			}},
		{Verb: "unset_label", Access: Update, Doc: "Remove one label.", Body: unset, Answers: answer("The label that was removed.", "UnsetLabelResponse"), Components: schemas,
			Handle: func(c *Call, m *M) (*Answer, error) {
				b, err := unset.Read(c)
				if err != nil {
					return nil, err
				}
				return changeLabels(c, table, id(m), get, b.key, func(labels model.Labels) (*string, error) {
					old, set := labels[b.key]
					if !set {
						return nil, errs.Field("key", "Label '%s' is not set on the object.", b.key)
					}
					delete(labels, b.key)
					return old, nil
				})
			}},
	}
}

// changeLabels changes the labels as they are when the row is locked, not as the request saw them.
func changeLabels[M any](c *Call, table, id string, get func(*M) *model.Labels, key string, change func(model.Labels) (*string, error)) (*Answer, error) {
	var value *string
	err := c.Env.DB.InTx(c.Context(), func(tx *db.Tx) error {
		if err := tx.LockRow(table, id); err != nil {
			return err
		}
		var row struct{ PulpLabels model.Labels }
		if err := tx.Table(table).Select("pulp_labels").Where("id = ?", id).Take(&row).Error; err != nil {
			return err
		}
		if row.PulpLabels == nil {
			row.PulpLabels = model.Labels{}
		}
		var err error
		if value, err = change(row.PulpLabels); err != nil {
			return err
		}
		return tx.Table(table).Where("id = ?", id).Updates(map[string]any{"pulp_labels": row.PulpLabels, "pulp_last_updated": model.Now()}).Error
	})
	if err != nil {
		return nil, err
	}
	s := c.Show()
	s.Raw(`{"key":`)
	s.String(key)
	s.Raw(`,"value":`)
	s.NullString(value)
	s.Raw("}")
	return &Answer{Status: 201, JSON: s.text}, nil
}
