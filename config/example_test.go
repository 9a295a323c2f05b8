package config_test

import (
	"fmt"
	"os"

	"github.com/marconi-mq/marconi/config"
)

func ExampleLoad() {
	c, warnings, err := config.Load(config.Sources{
		Environ: []string{"MARCONI_LIMITS_TRANSPORT__CLAIM_TTL_MAX=600", "MARCONI_MARCONI__STORE=memory:"},
		Flags:   map[string]string{"listen": "127.0.0.1:8080"},
	})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for _, w := range warnings {
		fmt.Println("warning:", w)
	}
	data, _, err := c.Stores([]string{"memory", "sqlite"})
	fmt.Println(c.Address(), c.Limits().MaxClaimTTL, data, err)
	// Output:
	// warning: environment variable MARCONI_LIMITS_TRANSPORT__CLAIM_TTL_MAX: [limits:transport] claim_ttl_max is an older name of [transport] max_claim_ttl
	// 127.0.0.1:8080 600 memory: <nil>
}

func ExampleRedact() {
	fmt.Println(config.Redact("redis://marconi:s3cret@host:6379?dbid=2"))
	// Output: redis://marconi:***@host:6379?dbid=2
}
