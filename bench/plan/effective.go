package plan

import "encoding/json"

// Effective is the plan as JSON with every default filled in and without secrets. It is a plan itself, and is read as the
// same one.
func (p *Plan) Effective() []byte {
	text, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		panic("plan: effective: " + err.Error()) // a number that [Parse] lets through is finite
	}
	return append(text, '\n')
}

// Source is the plan as it was written, without its secrets; of one that was scaled it is [Plan.Effective].
func (p *Plan) Source() []byte {
	if p.source == nil {
		return p.Effective()
	}
	return p.source
}

// Hash is equal for plans that do the same, however they are written.
func (p *Plan) Hash() string { return digest(p) }
