using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using InverseSolver.Reconstruction.Solvers;
using InverseSolver.Service.Jobs;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace InverseSolver.Service.Documentation;

/// <summary>Adds to schemas what the generator does not know: required members, null, defaults, discriminators and the parameters of each solver.</summary>
internal sealed class SchemaDetails : ISchemaFilter
{
    private static readonly NullabilityInfoContext Nullability = new();

    /// <inheritdoc/>
    public void Apply(IOpenApiSchema schema, SchemaFilterContext context)
    {
        if (schema is not OpenApiSchema details) return;
        if (details.Format == "int64") details.Maximum = null;
        if (context.MemberInfo is not null || context.ParameterInfo is not null) return;
        if (context.Type == typeof(SolverChoice))
        {
            Describe(details, context);
        }
        else if (context.Type.IsDefined(typeof(JsonPolymorphicAttribute), inherit: false))
        {
            MakeBase(details, ApiDocumentation.Kinds(context.Type).Select(kind => kind.Name));
        }
        else if (details.AllOf is [_, OpenApiSchema own])
        {
            // Members that a schema does not name are forbidden to its base as well, which knows none of them.
            own.AdditionalPropertiesAllowed = true;
            own.AdditionalProperties = null;
            Complete(own, context.Type);
        }
        else
        {
            Complete(details, context.Type);
        }
    }

    private static void Describe(OpenApiSchema choice, SchemaFilterContext context)
    {
        choice.Properties!.Remove("parameters");
        MakeBase(choice, SolverCatalog.All.Select(solver => solver.Type));
        choice.Properties!["preset"] = new OpenApiSchema
        {
            Type = JsonSchemaType.String,
            Description = "The preset to start from.",
            Default = "balanced",
            Enum = [.. SolverCatalog.All.SelectMany(solver => solver.Presets.Keys).Distinct()],
        };
        choice.Discriminator = new OpenApiDiscriminator { PropertyName = "type", Mapping = new Dictionary<string, OpenApiSchemaReference>() };
        foreach (SolverDescription solver in SolverCatalog.All)
        {
            Type parameters = solver.Presets.Values.First().GetType();
            string name = parameters.Name.Replace("Parameters", "Solver", StringComparison.Ordinal);
            context.SchemaRepository.AddDefinition(name, new OpenApiSchema
            {
                Description = solver.Title,
                AllOf =
                [
                    new OpenApiSchemaReference(nameof(SolverChoice)),
                    new OpenApiSchema
                    {
                        Type = JsonSchemaType.Object,
                        Properties = new Dictionary<string, IOpenApiSchema>
                        {
                            ["parameters"] = context.SchemaGenerator.GenerateSchema(parameters, context.SchemaRepository),
                        },
                    },
                ],
            });
            choice.Discriminator.Mapping.Add(solver.Type, new OpenApiSchemaReference(name));
        }
    }

    /// <summary>A base names the kinds and leaves each of them its own members.</summary>
    private static void MakeBase(OpenApiSchema schema, IEnumerable<string> kinds)
    {
        schema.AdditionalPropertiesAllowed = true;
        schema.AdditionalProperties = new OpenApiSchema();
        schema.Required = new HashSet<string> { "type" };
        schema.Properties ??= new Dictionary<string, IOpenApiSchema>();
        schema.Properties["type"] = new OpenApiSchema
        {
            Type = JsonSchemaType.String,
            Description = "The kind, which decides the other members.",
            Enum = [.. kinds],
        };
    }

    private static void Complete(OpenApiSchema schema, Type type)
    {
        if (schema.Properties is not { Count: > 0 } properties) return;
        object? sample = Sample(type);
        schema.Required = new SortedSet<string>(StringComparer.Ordinal);
        foreach (PropertyInfo property in type.GetProperties())
        {
            string name = JsonNamingPolicy.CamelCase.ConvertName(property.Name);
            if (!properties.TryGetValue(name, out IOpenApiSchema? member)) continue;
            bool required = IsRequired(property);
            if (required) schema.Required.Add(name);
            // What a solver's parameter is where it is absent or null, the preset decides.
            bool ofPreset = typeof(SolverParameters).IsAssignableFrom(type);
            if (ofPreset && member is OpenApiSchema value) value.Type |= JsonSchemaType.Null;
            bool mayBeNull = ofPreset || Nullable.GetUnderlyingType(property.PropertyType) is not null
                || Nullability.Create(property).ReadState == NullabilityState.Nullable;
            if (member is OpenApiSchemaReference reference && mayBeNull)
            {
                properties[name] = new OpenApiSchema
                {
                    Description = reference.Description,
                    OneOf = [new OpenApiSchema { Type = JsonSchemaType.Null }, new OpenApiSchemaReference(reference.Reference.Id!)],
                };
            }
            else if (!required && !mayBeNull && sample is not null && DefaultOf(property.GetValue(sample)) is { } standard)
            {
                if (member is OpenApiSchema inline) inline.Default = standard;
                else if (member is OpenApiSchemaReference named) named.Default = standard;
            }
        }
    }

    private static JsonNode? DefaultOf(object? value) =>
        value is string or bool or Enum or int or long or double ? JsonSerializer.SerializeToNode(value, ApiJson.Options) : null;

    /// <summary>An object whose members have their defaults.</summary>
    private static object? Sample(Type type)
    {
        if (type.IsAbstract || type.GetConstructors().OrderBy(one => one.GetParameters().Length).FirstOrDefault() is not { } constructor) return null;
        return constructor.Invoke([.. constructor.GetParameters().Select(parameter => parameter.HasDefaultValue ? parameter.DefaultValue
            : parameter.ParameterType.IsValueType ? Activator.CreateInstance(parameter.ParameterType) : null)]);
    }

    /// <summary>The members that the serializer requires: <c>required</c> properties, and constructor parameters without a default.</summary>
    private static bool IsRequired(PropertyInfo property)
    {
        ParameterInfo? parameter = property.DeclaringType!.GetConstructors()
            .SelectMany(constructor => constructor.GetParameters()).FirstOrDefault(candidate => candidate.Name == property.Name);
        return parameter is null ? property.IsDefined(typeof(RequiredMemberAttribute)) : !parameter.HasDefaultValue;
    }
}
