package accounts

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts/attribute"
)

// SettingDefinition is a setting that workspaces have. The host declares its
// own and those of the adapters it uses. Settings are read by everybody who
// works in a workspace: secrets are no settings.
type SettingDefinition struct {
	Key     string          // as "inbox.auto_close_hours"; at most 64 letters, digits, "_" and "."
	Default json.RawMessage // what a workspace has that set nothing; required, may be null
	// Validate answers what is wrong with a value, as that it is of another
	// type. It is required: a setting has a type.
	Validate func(value json.RawMessage) error
}

// Setting is a value that a workspace set.
type Setting struct {
	Key       string
	Value     attribute.Value // JSON of at most attribute.MaxValueBytes; never the zero Value
	UpdatedAt time.Time
	Version   engage.Version // 0: the default
}

// SettingRepository keeps the settings of workspaces. Writes need the
// transaction in ctx, of the directory or of the workspace.
type SettingRepository interface {
	// Put stores a setting and raises its version, from 0 for one that is not
	// set. Another stored version than the given one answers ErrConflict.
	Put(ctx context.Context, ws engage.WorkspaceID, setting Setting) error
	// Remove unsets a setting; one that is not set answers ErrNotFound, another
	// stored version ErrConflict.
	Remove(ctx context.Context, ws engage.WorkspaceID, key string, version engage.Version) error
	// All answers what is set, ordered by key.
	All(ctx context.Context, ws engage.WorkspaceID) ([]Setting, error)
}

// PutSetting gives a setting a value. version is that of the value which it
// replaces, 0 for the default; another one answers ErrConflict. An unknown key
// and a value that the definition refuses answer ErrInvalid, which names the
// field values.<key>.
func (s *Service) PutSetting(ctx context.Context, ws engage.WorkspaceID, key string, value json.RawMessage, version engage.Version) (Setting, error) {
	const op = "accounts.PutSetting"
	parsed, err := s.checkSetting(op, key, value)
	if err != nil {
		return Setting{}, err
	}
	return s.changeSetting(ctx, op, ws, key, version, func(ctx context.Context, before Setting) (Setting, error) {
		after := Setting{Key: key, Value: parsed, UpdatedAt: s.rt.Clock.Now(), Version: version}
		if before.Version > 0 && before.Value == parsed {
			return before, nil
		}
		if err := s.settings.Put(ctx, ws, after); err != nil {
			return Setting{}, err
		}
		after.Version++
		return after, nil
	})
}

// ResetSetting gives a setting its default back, as PutSetting does a value.
// One that is not set stays as it is.
func (s *Service) ResetSetting(ctx context.Context, ws engage.WorkspaceID, key string, version engage.Version) (Setting, error) {
	const op = "accounts.ResetSetting"
	if _, known := s.definitions[key]; !known {
		return Setting{}, unknownSetting(op, key)
	}
	return s.changeSetting(ctx, op, ws, key, version, func(ctx context.Context, before Setting) (Setting, error) {
		if before.Version == 0 {
			return before, nil
		}
		return s.defaultOf(key), s.settings.Remove(ctx, ws, key, version)
	})
}

func (s *Service) changeSetting(
	ctx context.Context, op string, ws engage.WorkspaceID, key string, version engage.Version,
	change func(ctx context.Context, before Setting) (Setting, error),
) (Setting, error) {
	var after Setting
	err := s.inUse(ctx, op, ws, func(ctx context.Context, w Workspace) error {
		before := s.defaultOf(key)
		stored, err := s.settings.All(ctx, ws)
		if err != nil {
			return err
		}
		if i := slices.IndexFunc(stored, func(set Setting) bool { return set.Key == key }); i >= 0 {
			before = stored[i]
		}
		if before.Version != version {
			return &engage.Error{Code: engage.Conflict, Op: op, Entity: "setting " + key}
		}
		if after, err = change(ctx, before); err != nil || after == before {
			return err
		}
		return s.publish(ctx, w.OrganizationID, SettingChanged{WorkspaceID: ws, Key: key, From: before.Value, To: after.Value})
	})
	if err != nil {
		return Setting{}, err
	}
	return after, nil
}

// SettingsOf answers every setting of a workspace, ordered by key: what is set,
// and the defaults of the others, whose version is 0.
func (s *Service) SettingsOf(ctx context.Context, ws engage.WorkspaceID) ([]Setting, error) {
	if _, err := s.workspaces.Get(ctx, ws); err != nil {
		return nil, err
	}
	return s.allSettings(ctx, ws)
}

// Settings implements engage.SettingsReader. Domains ask it with each batch of
// work, so the answer may be 5 s old. Archived workspaces have settings, too:
// what is under way there ends by them.
func (s *Service) Settings(ctx context.Context, ws engage.WorkspaceID) (engage.Settings, error) {
	answer, err := s.set.get(ctx, ws, func() (known[engage.Settings], error) {
		settings, err := s.readSettings(ctx, ws)
		if errors.Is(err, engage.ErrNotFound) {
			return known[engage.Settings]{}, nil
		}
		return known[engage.Settings]{true, settings}, err
	})
	if err == nil && !answer.there {
		err = &engage.Error{Code: engage.NotFound, Op: "accounts.Settings", Entity: "workspace " + ws.String()}
	}
	answer.value.Values = maps.Clone(answer.value.Values)
	return answer.value, err
}

func (s *Service) readSettings(ctx context.Context, ws engage.WorkspaceID) (engage.Settings, error) {
	w, err := s.workspaces.Get(ctx, ws)
	if err != nil {
		return engage.Settings{}, err
	}
	all, err := s.allSettings(ctx, ws)
	if err != nil {
		return engage.Settings{}, err
	}
	settings := engage.Settings{
		Name: w.Name, Locale: w.Locale, TimeZone: w.TimeZone, Currency: w.Currency,
		Values: make(map[string]json.RawMessage, len(all)),
	}
	for _, set := range all {
		settings.Values[set.Key] = json.RawMessage(set.Value.String())
	}
	return settings, nil
}

// allSettings leaves out what is stored of settings that are no longer defined.
func (s *Service) allSettings(ctx context.Context, ws engage.WorkspaceID) ([]Setting, error) {
	stored, err := s.settings.All(ctx, ws)
	if err != nil {
		return nil, err
	}
	all := make([]Setting, 0, len(s.definitions))
	set := map[string]bool{}
	for _, one := range stored {
		if _, known := s.definitions[one.Key]; known {
			set[one.Key] = true
			all = append(all, one)
		}
	}
	for key := range s.definitions {
		if !set[key] {
			all = append(all, s.defaultOf(key))
		}
	}
	slices.SortFunc(all, func(a, b Setting) int { return cmp.Compare(a.Key, b.Key) })
	return all, nil
}

// definition is a SettingDefinition whose default is parsed.
type definition struct {
	SettingDefinition
	byDefault attribute.Value
}

func (s *Service) defaultOf(key string) Setting {
	return Setting{Key: key, Value: s.definitions[key].byDefault}
}

// define checks the definitions of a configuration.
func define(faults *engage.Faults, all []SettingDefinition) map[string]definition {
	definitions := make(map[string]definition, len(all))
	for i, d := range all {
		at := func(field string) string { return "settings" + item(i, field) }
		if _, twice := definitions[d.Key]; twice {
			faults.Add(at("key"), "duplicate", "%q is declared twice", d.Key)
		}
		if !isWord(d.Key) {
			faults.Add(at("key"), "invalid", "%.64q: want at most 64 of a-z, 0-9, _ and .", d.Key)
		}
		byDefault, err := attribute.Parse(d.Default)
		if err != nil {
			faults.Add(at("default"), "invalid", "%v", err)
		}
		if d.Validate == nil {
			faults.Add(at("validate"), "required", "a setting has a type")
		} else if err := d.Validate(json.RawMessage(byDefault.String())); err != nil {
			faults.Add(at("default"), "invalid", "%v", err)
		}
		definitions[d.Key] = definition{d, byDefault}
	}
	return definitions
}

func (s *Service) checkSetting(op, key string, value json.RawMessage) (attribute.Value, error) {
	d, known := s.definitions[key]
	if !known {
		return attribute.Value{}, unknownSetting(op, key)
	}
	parsed, err := attribute.Parse(value)
	if err == nil {
		err = d.Validate(json.RawMessage(parsed.String()))
	}
	if err != nil {
		var faults engage.Faults
		faults.Add("values."+key, "invalid", "%v", err)
		return parsed, faults.Err(op, "")
	}
	return parsed, nil
}

func unknownSetting(op, key string) error {
	var faults engage.Faults
	faults.Add("values."+clip(key), "unknown", "there is no such setting")
	return faults.Err(op, "")
}

// clip shortens what a caller sent before it is quoted in an error.
func clip(s string) string { return s[:min(len(s), 64)] }

// isWord reports whether s is a key as "inbox.auto_close_hours".
func isWord(s string) bool {
	for _, r := range s {
		if r != '_' && r != '.' && (r < 'a' || r > 'z') && (r < '0' || r > '9') {
			return false
		}
	}
	return s != "" && len(s) <= 64
}
