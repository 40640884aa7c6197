using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace InverseSolver.ServiceTests.Owasp;

/// <summary>API9:2023: nothing is served that the document does not have, and nothing without a version.</summary>
public sealed class Api09ImproperInventoryManagement
{
    // For browsers alone: a redirect to Swagger UI, and the way to the issuer.
    private static readonly string[] ForBrowsers = ["GET /", "GET /v1/session/issuer"];

    [Fact]
    public async Task Every_route_is_in_the_document_and_under_its_version()
    {
        using var service = new Service();
        JsonObject paths = (await service.GetAsync("/swagger/v1/swagger.json"))["paths"]!.AsObject();
        IEnumerable<string> documented = paths.SelectMany(path => path.Value!.AsObject().Select(operation => $"{operation.Key.ToUpperInvariant()} {path.Key}"));
        IEnumerable<string> mapped = service.Services.GetServices<EndpointDataSource>().SelectMany(source => source.Endpoints).OfType<RouteEndpoint>()
            .SelectMany(route => (route.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods ?? []).Select(
                method => $"{method} /{route.RoutePattern.RawText!.Trim('/')}"));
        Assert.Equal(documented.Concat(ForBrowsers).Order(StringComparer.Ordinal), mapped.Distinct().Order(StringComparer.Ordinal));
        Assert.All(documented, path => Assert.Matches("^[A-Z]+ /(v1|health)/", path));
    }
}
