using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Text.RegularExpressions;
using InverseSolver.Reconstruction;

namespace InverseSolver.Service.Requests;

/// <summary>A place of a request where one of a few words belongs: a value of an enumeration, or the kind of an object.</summary>
/// <param name="Sent">The word that stands there; null where it is none.</param>
/// <param name="Known">The words that may stand there.</param>
internal sealed partial record SentWord(string? Sent, IReadOnlyList<string> Known)
{
    /// <summary>The place that an error's path leads to; null where any other value belongs, or where the text cannot be read.</summary>
    /// <param name="json">The request.</param>
    /// <param name="type">The type that it was read as.</param>
    /// <param name="path">The path from the root, for example <c>problem.parts[1].mask</c>; null: the root.</param>
    public static SentWord? Find(byte[] json, Type type, string? path)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = ApiJson.Requests.MaxDepth });
            JsonElement value = document.RootElement;
            foreach (Match step in Step().Matches(path ?? ""))
            {
                JsonTypeInfo info = InfoOf(type, value);
                bool isIndex = step.Groups[1].Success;
                Type? next = isIndex ? info.ElementType : info.Properties.FirstOrDefault(property => property.Name == step.Value)?.PropertyType;
                if (next is null) return null;
                value = isIndex ? value[int.Parse(step.Groups[1].ValueSpan, CultureInfo.InvariantCulture)] : value.GetProperty(step.Value);
                type = next;
            }

            return Of(Nullable.GetUnderlyingType(type) ?? type, value);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException or IndexOutOfRangeException)
        {
            return null;
        }
    }

    private static SentWord? Of(Type type, JsonElement value)
    {
        if (type.IsEnum) return new(TextOf(value), Words.Of(type, ApiJson.Requests));
        return Kinds(type) is { } kinds
            ? new(value.ValueKind == JsonValueKind.Object && value.TryGetProperty("type", out JsonElement kind) ? TextOf(kind) : null, [.. kinds.Keys])
            : null;
    }

    // Of an object, the type that its kind says.
    private static JsonTypeInfo InfoOf(Type type, JsonElement value) => ApiJson.Requests.GetTypeInfo(
        Kinds(type) is { } kinds && value.TryGetProperty("type", out JsonElement kind) && kinds.TryGetValue(TextOf(kind) ?? "", out Type? derived)
            ? derived : type);

    private static Dictionary<string, Type>? Kinds(Type type) =>
        ApiJson.Requests.GetTypeInfo(type).PolymorphismOptions?.DerivedTypes.ToDictionary(kind => (string)kind.TypeDiscriminator!, kind => kind.DerivedType);

    private static string? TextOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString(),
        JsonValueKind.Object or JsonValueKind.Array => null,
        _ => value.GetRawText(),
    };

    [GeneratedRegex(@"\[(\d{1,9})\]|[^.\[\]]+")]
    private static partial Regex Step();
}
