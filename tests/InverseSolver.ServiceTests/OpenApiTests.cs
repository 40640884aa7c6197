using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Infrastructure;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace InverseSolver.ServiceTests;

/// <summary>docs/openapi.json is what the service serves.</summary>
public sealed class OpenApiTests(Service service) : IClassFixture<Service>
{
    private static readonly string File = Path.Combine(Repository.Root, "docs", "openapi.json");

    [Fact]
    public async Task The_committed_OpenApi_document_is_the_served_one()
    {
        string served = (await service.Client.GetStringAsync("/swagger/v1/swagger.json")).ReplaceLineEndings("\n") + "\n";
        if (Environment.GetEnvironmentVariable("INVERSESOLVER_WRITE_OPENAPI") == "1")
        {
            await System.IO.File.WriteAllTextAsync(File, served);
        }

        Assert.Equal(await System.IO.File.ReadAllTextAsync(File), served);
    }

    [Fact]
    public async Task The_OpenApi_document_is_complete()
    {
        JsonObject document = await service.GetAsync("/swagger/v1/swagger.json");
        Assert.Equal("3.1", ((string)document["openapi"]!)[..3]);
        Assert.Equal("/", (string?)document["servers"]![0]!["url"]);
        JsonObject schemas = document["components"]!["schemas"]!.AsObject();
        var operations = document["paths"]!.AsObject().SelectMany(path => path.Value!.AsObject()).Select(operation => operation.Value!.AsObject()).ToList();
        Assert.Equal(31, operations.Count);
        Assert.Equal(operations.Count, operations.Select(operation => (string)operation["operationId"]!).Distinct().Count());
        Assert.All(operations, operation => Assert.NotEmpty((string)operation["summary"]!));
        Assert.All(References(document), reference => Assert.Contains(reference.Split('/')[^1], schemas));
        Assert.All(schemas.Select(schema => schema.Key), name => Assert.Contains($"#/components/schemas/{name}", References(document)));

        JsonNode problem = schemas["Problem"]!;
        Assert.Equal("type", (string?)problem["discriminator"]!["propertyName"]);
        JsonObject kinds = problem["discriminator"]!["mapping"]!.AsObject();
        Assert.Equal(20, kinds.Count);
        Assert.Equal(kinds.Select(kind => kind.Key), problem["properties"]!["type"]!["enum"]!.AsArray().Select(kind => (string)kind!));
        Assert.All(kinds, kind => Assert.Equal("#/components/schemas/Problem", (string?)Named(kind.Value)["allOf"]![0]!["$ref"]));
        JsonObject solvers = schemas["SolverChoice"]!["discriminator"]!["mapping"]!.AsObject();
        Assert.Equal(17, solvers.Count);
        Assert.All(solvers, solver => Assert.EndsWith("Parameters", (string?)Named(solver.Value)["allOf"]![1]!["properties"]!["parameters"]!["$ref"]));
        Assert.Equal(0.7, (double)schemas["RandomMask"]!["allOf"]![1]!["properties"]!["fraction"]!["default"]!);

        // What a parameter is without a value, the preset decides.
        Assert.Null(schemas["DcdpParameters"]!["properties"]!["samples"]!["default"]);
        Assert.Contains("null", schemas["DcdpParameters"]!["properties"]!["samples"]!["type"]!.AsArray().Select(type => (string)type!));
        Assert.Equal("null", (string?)schemas["Job"]!["properties"]!["progress"]!["oneOf"]![0]!["type"]);
        Assert.Equal(["model", "problem"], schemas["JobRequest"]!["required"]!.AsArray().Select(name => (string)name!).Order());

        JsonNode Named(JsonNode? reference) => schemas[((string)reference!).Split('/')[^1]]!;
    }

    [Fact]
    public async Task Each_operation_states_the_scope_that_its_endpoint_asks_for()
    {
        JsonObject[] operations =
        [
            .. (await service.GetAsync("/swagger/v1/swagger.json"))["paths"]!.AsObject()
                .SelectMany(path => path.Value!.AsObject()).Select(operation => operation.Value!.AsObject()),
        ];
        var stated = operations.ToDictionary(
            operation => (string)operation["operationId"]!,
            operation => $"{operation["security"]?.ToJsonString()} {((string?)operation["description"])?.Split("Scope: ").ElementAtOrDefault(1)}".Trim());
        var policies = service.Services.GetRequiredService<IAuthorizationPolicyProvider>();
        var asked = new Dictionary<string, string>();
        foreach (Endpoint endpoint in service.Services.GetRequiredService<EndpointDataSource>().Endpoints)
        {
            if (endpoint.Metadata.GetMetadata<IEndpointNameMetadata>()?.EndpointName is not { } name) continue;
            AuthorizationPolicy policy = (await AuthorizationPolicy.CombineAsync(policies, endpoint.Metadata.GetOrderedMetadata<IAuthorizeData>())
                ?? await policies.GetFallbackPolicyAsync())!;
            string scope = policy.Requirements.OfType<ClaimsAuthorizationRequirement>().SingleOrDefault()?.AllowedValues!.Single() ?? "any";
            asked[name] = endpoint.Metadata.GetMetadata<IAllowAnonymous>() is not null
                ? "[]"
                : $$"""[{"callerKey":[]},{"bearerToken":[]},{}] {{scope}}.""";
        }

        Assert.Equal(asked.Select(one => $"{one.Key} {one.Value}").Order(), stated.Select(one => $"{one.Key} {one.Value}").Order());
    }

    private static IEnumerable<string> References(JsonNode? node) => node switch
    {
        JsonObject item => item.SelectMany(member => References(member.Value)),
        JsonArray list => list.SelectMany(References),
        JsonValue value when value.TryGetValue(out string? text) && text.StartsWith("#/components/schemas/", StringComparison.Ordinal) => [text],
        _ => [],
    };
}
