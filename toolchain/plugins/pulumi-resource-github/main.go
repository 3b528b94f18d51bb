// Pulumi's GitHub plugin, for @pulumi/github.
package main

import (
	"github.com/integrations/terraform-provider-github/v6/github"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	sdkv2 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"

	"notebook-releases.local/toolchain/plugins/bridge"
)

func main() {
	bridge.Main(tfbridge.ProviderInfo{
		P:    sdkv2.NewProvider(github.NewProvider(bridge.Version, "")()),
		Name: "github",
		// The same defaults from the environment as the published plugin has.
		Config: map[string]*tfbridge.SchemaInfo{
			"base_url": {Default: &tfbridge.DefaultInfo{
				EnvVars: []string{"GITHUB_BASE_URL"},
				Value:   "https://api.github.com/",
			}},
			"token": {Default: &tfbridge.DefaultInfo{EnvVars: []string{"GITHUB_TOKEN"}}, Secret: tfbridge.True()},
		},
	})
}
