package upstream

import (
	"context"
	"errors"
	"iter"
	"strconv"

	"github.com/marconi-mq/marconi/storage/redis"
)

var errType = errors.New("the key is of another type")

func texts(r redis.Reply) []string {
	all := make([]string, len(r.Values))
	for i, v := range r.Values {
		all[i] = v.Text
	}
	return all
}

// byScore gives the members of a sorted set in their order, some at a time. Pages begin at the last one's score, not its
// rank, so that what is removed or added meanwhile makes none come twice or be passed over. A key of another type is errType.
func (s *source) byScore(ctx context.Context, key string, size int) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		from, atFrom := "-inf", map[string]struct{}{} // those of that score that were given
		for {
			replies, err := s.Read(ctx, []string{"ZRANGEBYSCORE", key, from, "+inf", "WITHSCORES", "LIMIT", "0", strconv.Itoa(size + len(atFrom))})
			if err == nil && replies[0].WrongType {
				err = errType
			}
			if err != nil {
				yield(nil, err)
				return
			}
			reply := replies[0]
			var fresh []string
			for i := 0; i+1 < len(reply.Values); i += 2 {
				member, score := reply.Values[i].Text, reply.Values[i+1].Text
				if score != from {
					from, atFrom = score, map[string]struct{}{}
				}
				if _, again := atFrom[member]; again {
					continue
				}
				atFrom[member] = struct{}{}
				fresh = append(fresh, member)
			}
			if len(fresh) == 0 || !yield(fresh, nil) {
				return
			}
		}
	}
}
