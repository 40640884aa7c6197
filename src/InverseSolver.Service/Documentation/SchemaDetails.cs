using System.ComponentModel;
using System.Reflection;
using InverseSolver.Service.Jobs;
using InverseSolver.Solvers.Solvers;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace InverseSolver.Service.Documentation;

/// <summary>Adds to schemas what the generator does not see: discriminators, strictness, and the solvers' parameters.</summary>
internal sealed class SchemaDetails : ISchemaFilter
{
    /// <inheritdoc/>
    public void Apply(IOpenApiSchema schema, SchemaFilterContext context)
    {
        if (schema is not OpenApiSchema details)
        {
            return;
        }

        if (context.MemberInfo is null && ApiDocumentation.Discriminator(context.Type) is { } kind)
        {
            details.Properties ??= new Dictionary<string, IOpenApiSchema>();
            details.Properties["type"] = new OpenApiSchema { Type = JsonSchemaType.String, Enum = [kind] };
            details.Required = new HashSet<string>(details.Required ?? new HashSet<string>()) { "type" };
        }

        if (context.MemberInfo is null && context.Type == typeof(SolverChoice) && details.Properties is { } choice)
        {
            choice["type"] = new OpenApiSchema
            {
                Type = JsonSchemaType.String,
                Description = "The solver's name.",
                Enum = [.. SolverCatalog.All.Select(solver => solver.Type)],
            };
            choice["preset"] = new OpenApiSchema
            {
                Type = JsonSchemaType.String,
                Description = "The preset to start from.",
                Default = "balanced",
                Enum = [.. SolverCatalog.All.SelectMany(solver => solver.Presets.Keys).Distinct()],
            };
            choice["parameters"] = new OpenApiSchema
            {
                Description = "Parameters that replace the preset's; all are optional.",
                OneOf = [.. SolverCatalog.All.Select(solver =>
                    context.SchemaGenerator.GenerateSchema(solver.Presets.Values.First().GetType(), context.SchemaRepository))],
            };
        }

        if (context.MemberInfo is null && typeof(SolverParameters).IsAssignableFrom(context.Type))
        {
            details.Required?.Clear();
        }
    }
}
