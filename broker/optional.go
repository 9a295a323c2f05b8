package broker

// An Optional is an argument that a caller may leave out. The zero value is one left out.
type Optional[T any] struct {
	value T
	given bool
}

// Some is an argument that was given.
func Some[T any](v T) Optional[T] { return Optional[T]{v, true} }

// Get is the value, and whether it was given.
func (o Optional[T]) Get() (T, bool) { return o.value, o.given }

func (o Optional[T]) or(otherwise T) T {
	if o.given {
		return o.value
	}
	return otherwise
}
