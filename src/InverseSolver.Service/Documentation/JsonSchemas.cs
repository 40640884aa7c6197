using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Schema;
using System.Text.Json.Serialization.Metadata;

namespace InverseSolver.Service.Documentation;

/// <summary>JSON Schemas of records: shapes from the serializer, ranges from the validation attributes, words from the code's documentation.</summary>
internal static class JsonSchemas
{
    private static readonly JsonSchemaExporterOptions Exporter = new()
    {
        TreatNullObliviousAsNonNullable = true,
        TransformSchemaNode = Describe,
    };

    /// <summary>A type's schema.</summary>
    /// <param name="type">The type.</param>
    public static JsonObject Of(Type type) => ApiJson.Requests.GetJsonSchemaAsNode(type, Exporter).AsObject();

    private static JsonNode Describe(JsonSchemaExporterContext context, JsonNode node)
    {
        if (node is not JsonObject schema)
        {
            return node;
        }

        var property = context.PropertyInfo?.AttributeProvider as PropertyInfo;
        string? text = property is null ? XmlDocs.Of(context.TypeInfo.Type) : XmlDocs.Of(property) ?? XmlDocs.Of(context.TypeInfo.Type);
        if (text is not null)
        {
            schema.Insert(0, "description", text);
        }

        if (property?.GetCustomAttribute<RangeAttribute>() is { } range)
        {
            range.IsValid(null); // Converts the bounds that were given as text.
            schema["minimum"] = ToNode(range.Minimum);
            if (property.PropertyType != typeof(long))
            {
                // The bound of the type itself, which a double cannot represent.
                schema["maximum"] = ToNode(range.Maximum);
            }
        }

        if (property?.GetCustomAttribute<AllowedValuesAttribute>() is { } allowed)
        {
            schema["enum"] = new JsonArray([.. allowed.Values.Select(ToNode)]);
        }

        return schema;
    }

    private static JsonNode? ToNode(object? value) => JsonSerializer.SerializeToNode(value, ApiJson.Options);
}
