// Pulumi's Databricks plugin, for @pulumi/databricks.
package main

import (
	"github.com/databricks/terraform-provider-databricks/shim"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	sdkv2 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"

	"notebook-releases.local/toolchain/plugins/bridge"
)

func main() {
	bridge.Main(tfbridge.ProviderInfo{
		P:    sdkv2.NewProvider(shim.Provider()),
		Name: "databricks",
		Resources: map[string]*tfbridge.ResourceInfo{
			// The derived name, Provider, is taken by the plugin's own provider resource.
			"databricks_provider": {Tok: tfbridge.MakeResource("databricks", "index", "MetastoreProvider")},
		},
	})
}
