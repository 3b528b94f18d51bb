// Package shim hands out the Databricks provider, which lives in an internal package of its module: this module's
// path lies below that module's, so the import is allowed.
package shim

import (
	"github.com/databricks/terraform-provider-databricks/internal/providers/sdkv2"
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
)

// Provider is the provider's SDKv2 half. It has every resource that this project uses; the other half (the plugin
// framework) would need a multiplexer.
func Provider() *schema.Provider { return sdkv2.DatabricksProvider() }
