using System.Text.RegularExpressions;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace InverseSolver.Service.Documentation;

/// <summary>Puts the document in an order that does not depend on the order of registration, and cleans the words of its schemas.</summary>
internal sealed partial class DocumentDetails : IDocumentFilter
{
    private static readonly Dictionary<string, string> Tags = new()
    {
        ["Jobs"] = "Reconstructions: submit, follow, fetch the result.",
        ["Problems and solvers"] = "Forward models and the solvers for them, and simulated measurements.",
        ["Models"] = "Pretrained models of images: what there is, and what is loaded.",
        ["Keys"] = "Keys of accounts, for who administers the service.",
        ["Session"] = "Sessions of browsers, and who a request comes from.",
        ["Quotas"] = "Quotas of accounts, for who administers the service.",
        ["Audit"] = "Who did what, for who administers the service.",
        ["Health"] = "For whatever starts and watches the service.",
    };

    /// <inheritdoc/>
    public void Apply(OpenApiDocument document, DocumentFilterContext context)
    {
        // Whatever the address is: the document is true for each instance.
        document.Servers = [new OpenApiServer { Url = "/" }];
        document.Tags = Tags.Select(tag => new OpenApiTag { Name = tag.Key, Description = tag.Value }).ToHashSet();
        foreach (OpenApiOperation operation in document.Paths.Values.SelectMany(path => path.Operations?.Values ?? Enumerable.Empty<OpenApiOperation>()))
        {
            if (operation.Description is { } text) operation.Description = LineBreak().Replace(text, " ");
            foreach (IOpenApiResponse answer in operation.Responses?.Values ?? Enumerable.Empty<IOpenApiResponse>())
            {
                if (answer.Description is { } words) answer.Description = LineBreak().Replace(words, " ");
            }
        }

        if (document.Components?.Schemas is not { } schemas) return;
        document.Components.Schemas = schemas.OrderBy(schema => schema.Key, StringComparer.Ordinal).ToDictionary();
        foreach (IOpenApiSchema schema in schemas.Values) Clean(schema);
    }

    private static void Clean(IOpenApiSchema? schema)
    {
        if (schema?.Description is { } text)
        {
            string clean = LineBreak().Replace(QualifiedName().Replace(text, "$1"), " ");
            if (schema is OpenApiSchema inline) inline.Description = clean;
            else if (schema is OpenApiSchemaReference reference) reference.Description = clean;
        }

        if (schema is not OpenApiSchema details) return;
        Clean(details.Items);
        foreach (IOpenApiSchema part in (details.Properties?.Values ?? []).Concat(details.AllOf ?? []).Concat(details.OneOf ?? [])) Clean(part);
    }

    // Where a comment's lines end says nothing to a caller.
    [GeneratedRegex(@"\s*\n\s*")]
    private static partial Regex LineBreak();

    // References to types come with their namespace, which says nothing to a caller either.
    [GeneratedRegex(@"\bInverseSolver\.(?:\w+\.)+(\w+)")]
    private static partial Regex QualifiedName();
}
