package upstream

import (
	"errors"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage/importer"
	"github.com/marconi-mq/marconi/storage/redis"
)

// metadata is that of a queue, by its record. If it can't be read the queue comes without, rather than not at all.
func (s *source) metadata(record redis.Reply, problem importer.Problem, t *importer.Tally) marconi.Metadata {
	none := marconi.Metadata("{}")
	if record.WrongType || len(record.Values) != 2 {
		problem.Reason, problem.Err = importer.BadMetadata, errType
		t.Damage(problem)
		return none
	}
	packed, created := record.Values[0], record.Values[1]
	if !packed.Found {
		if !created.Found {
			problem.Reason = importer.NoRecord
			t.Damage(problem)
		}
		return none
	}
	text, err := toJSON(packed.Text)
	if err == nil && string(text) == "null" {
		return none
	}
	if err == nil && text[0] != '{' {
		err = errors.New("it is no object")
	}
	if err != nil {
		problem.Reason, problem.Err = importer.BadMetadata, err
		t.Damage(problem)
		return none
	}
	return text
}
