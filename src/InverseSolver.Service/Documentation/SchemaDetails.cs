using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using InverseSolver.Reconstruction.Solvers;
using InverseSolver.Service.Jobs;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace InverseSolver.Service.Documentation;

/// <summary>Adds to schemas the discriminators, strictness and solver parameters, which the generator does not know.</summary>
internal sealed partial class SchemaDetails : ISchemaFilter
{
    /// <inheritdoc/>
    public void Apply(IOpenApiSchema schema, SchemaFilterContext context)
    {
        if (schema is not OpenApiSchema details)
        {
            return;
        }

        if (details.Description is { } text)
        {
            details.Description = LineBreak().Replace(QualifiedName().Replace(text, "$1"), " ");
        }

        if (details.Format == "int64")
        {
            details.Maximum = null;
        }

        if (details.OneOf is { Count: > 0 } && context.Type.IsDefined(typeof(JsonPolymorphicAttribute), inherit: false))
        {
            details.Discriminator = new OpenApiDiscriminator
            {
                PropertyName = "type",
                Mapping = details.OneOf.OfType<OpenApiSchemaReference>().Zip(ApiDocumentation.Kinds(context.Type))
                    .ToDictionary(pair => pair.Second.Name, pair => pair.First),
            };
        }

        if (context.MemberInfo is null && context.ParameterInfo is null && details.Properties is { Count: > 0 } properties)
        {
            details.Required = new SortedSet<string>(context.Type.GetProperties().Where(IsRequired)
                .Select(property => JsonNamingPolicy.CamelCase.ConvertName(property.Name)).Where(properties.ContainsKey), StringComparer.Ordinal);
        }

        if (context.MemberInfo is null && ApiDocumentation.Discriminator(context.Type) is { } kind)
        {
            // The generator lets it inherit from its base, which allows no further members.
            details.AllOf = null;
            details.Properties ??= new Dictionary<string, IOpenApiSchema>();
            details.Properties["type"] = new OpenApiSchema { Type = JsonSchemaType.String, Enum = [kind] };
            (details.Required ??= new SortedSet<string>(StringComparer.Ordinal)).Add("type");
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
    }

    /// <summary>The members that the serializer requires: <c>required</c> properties, and constructor parameters without a default.</summary>
    private static bool IsRequired(PropertyInfo property)
    {
        ParameterInfo? parameter = property.DeclaringType!.GetConstructors()
            .SelectMany(constructor => constructor.GetParameters()).FirstOrDefault(candidate => candidate.Name == property.Name);
        return parameter is null ? property.IsDefined(typeof(RequiredMemberAttribute)) : !parameter.HasDefaultValue;
    }

    // Where a comment's lines end says nothing to a caller either.
    [GeneratedRegex(@"\s*\n\s*")]
    private static partial Regex LineBreak();

    // References to types come with their namespace, which says nothing to a caller.
    [GeneratedRegex(@"\bInverseSolver\.(?:\w+\.)+(\w+)")]
    private static partial Regex QualifiedName();
}
