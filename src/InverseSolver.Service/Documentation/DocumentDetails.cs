using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace InverseSolver.Service.Documentation;

/// <summary>Puts the document in an order that does not depend on the order of registration, and leaves out the server's address.</summary>
internal sealed class DocumentDetails : IDocumentFilter
{
    /// <inheritdoc/>
    public void Apply(OpenApiDocument document, DocumentFilterContext context)
    {
        document.Servers = null;
        if (document.Components?.Schemas is { } schemas)
        {
            document.Components.Schemas = schemas
                .Where(schema => !IsBase(schema.Value))
                .OrderBy(schema => schema.Key, StringComparer.Ordinal)
                .ToDictionary();
        }
    }

    /// <summary>Bases of polymorphic records: every use lists the derived ones, so nothing refers to them.</summary>
    private static bool IsBase(IOpenApiSchema schema) => schema is { Discriminator: not null, OneOf: null or { Count: 0 } };
}
