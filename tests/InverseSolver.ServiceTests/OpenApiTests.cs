using System.Text.Json.Nodes;

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
        Assert.Null(document["servers"]);
        JsonObject schemas = document["components"]!["schemas"]!.AsObject();
        var operations = document["paths"]!.AsObject().SelectMany(path => path.Value!.AsObject()).Select(operation => operation.Value!.AsObject()).ToList();
        Assert.Equal(20, operations.Count);
        Assert.Equal(operations.Count, operations.Select(operation => (string)operation["operationId"]!).Distinct().Count());
        Assert.All(operations, operation => Assert.NotEmpty((string)operation["summary"]!));
        Assert.All(References(document), reference => Assert.Contains(reference.Split('/')[^1], schemas));
        Assert.All(schemas.Select(schema => schema.Key), name => Assert.Contains($"#/components/schemas/{name}", References(document)));

        JsonNode problem = schemas["JobRequest"]!["properties"]!["problem"]!;
        Assert.Equal("type", (string?)problem["discriminator"]!["propertyName"]);
        Assert.Equal(20, problem["discriminator"]!["mapping"]!.AsObject().Count);
        Assert.All(problem["discriminator"]!["mapping"]!.AsObject(), kind =>
            Assert.Equal(kind.Key, (string?)schemas[((string)kind.Value!).Split('/')[^1]]!["properties"]!["type"]!["enum"]![0]));
        Assert.Equal(["model", "problem"], schemas["JobRequest"]!["required"]!.AsArray().Select(name => (string)name!).Order());
    }

    private static IEnumerable<string> References(JsonNode? node) => node switch
    {
        JsonObject item => item.SelectMany(member => member.Key == "$ref" ? [(string)member.Value!] : References(member.Value)),
        JsonArray list => list.SelectMany(References),
        _ => [],
    };
}
