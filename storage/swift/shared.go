package swift

import (
	"sync"

	"github.com/marconi-mq/marconi/storage/swift/objects"
)

// A shared client is closed with the last of those who use it.
type shared struct {
	client objects.Client

	mu    sync.Mutex // guards users
	users int
}

// use gives the client to one more user, who has to close it.
func (s *shared) use() objects.Client {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users++
	return &user{Client: s.client, leave: sync.OnceValue(s.leave)}
}

func (s *shared) leave() error {
	s.mu.Lock()
	s.users--
	last := s.users == 0
	s.mu.Unlock()
	if last {
		return s.client.Close()
	}
	return nil
}

// A user has a share in a client.
type user struct {
	objects.Client

	leave func() error
}

// Close gives the share back. Closing again does nothing.
func (u *user) Close() error { return u.leave() }
