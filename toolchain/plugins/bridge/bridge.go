// Package bridge serves a Terraform provider as a Pulumi resource plugin. It makes the plugin's schema in memory
// when the plugin starts (well under a second), so that no generated schema has to be kept here.
package bridge

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge/tokens"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfgen"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag/colors"
)

// Version is the version of the npm SDK that the plugin answers for, without a leading v. The build sets it with
// -ldflags "-X", because the SDK's version in package.json is the only place that states it.
var Version = "0.0.0"

// Main runs the plugin until the engine ends it. info needs P, Name and whatever differs from the defaults; the
// names of resources and functions follow from Terraform's, as in the published SDKs. It exits with status 1 when no
// schema can be made.
func Main(info tfbridge.ProviderInfo) {
	info.Version = Version
	info.MetadataInfo = tfbridge.NewProviderMetadata([]byte("{}"))
	info.EnableZeroDefaultSchemaVersion = true
	info.EnableAccurateBridgePreview = true
	info.MustComputeTokens(tokens.SingleModule(info.Name+"_", "index", tokens.MakeStandard(info.Name)))
	info.SetAutonaming(255, "-")

	schema, err := schemaOf(info)
	if err != nil {
		fmt.Fprintf(os.Stderr, "pulumi-resource-%s: no schema: %v\n", info.Name, err)
		os.Exit(1)
	}
	tfbridge.Main(info.Name, Version, info, schema)
}

func schemaOf(info tfbridge.ProviderInfo) ([]byte, error) {
	generated, err := tfgen.GenerateSchemaWithOptions(tfgen.GenerateSchemaOptions{
		ProviderInfo:    info,
		DiagnosticsSink: diag.DefaultSink(os.Stderr, os.Stderr, diag.FormatOptions{Color: colors.Never}),
		XInMemoryDocs:   true,
	})
	if err != nil {
		return nil, err
	}
	return json.Marshal(generated.PackageSpec)
}
