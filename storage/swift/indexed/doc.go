// Package indexed keeps queues in an index, which is any other [marconi.DataStore], and the bodies of their messages in OpenStack Swift.
package indexed
