using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace InverseSolver.Diffusion.Weights;

/// <summary>JSON from files of strangers: no duplicate keys, no comments, bounded depth and size.</summary>
internal static partial class StrictJson
{
    private const int MaxConfigBytes = 1 << 20;

    internal static JsonDocument ParseFile(string path, string name) => Parse(ReadFile(path, name), name);

    /// <summary>
    /// A config as Python writes it: NaN, Infinity and -Infinity, which are not JSON, become texts, so that only an option that needs a number refuses them.
    /// </summary>
    internal static JsonDocument ParseConfig(string path, string name) => Parse(
        Encoding.Latin1.GetBytes(
            PythonNumbers().Replace(Encoding.Latin1.GetString(ReadFile(path, name)), found => found.Value[0] == '"' ? found.Value : $"\"{found.Value}\"")),
        name);

    internal static byte[] ReadFile(string path, string name) => ModelFile.ReadAll(path, name, MaxConfigBytes);

    internal static JsonDocument Parse(ReadOnlyMemory<byte> utf8, string name)
    {
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(utf8, new JsonDocumentOptions { MaxDepth = 16, AllowDuplicateProperties = false });
        }
        catch (JsonException e)
        {
            throw new InvalidModelException(
                e.LineNumber is { } line ? $"{name} is not valid JSON (line {line + 1})." : $"{name} is not valid JSON: a name stands in it twice.", e);
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException)
        {
            throw new InvalidModelException($"{name} is not valid JSON: it holds text that is not Unicode.", e);
        }

        if (document.RootElement.ValueKind != JsonValueKind.Object)
        {
            document.Dispose();
            throw new InvalidModelException($"{name} is not a JSON object.");
        }

        return document;
    }

    /// <summary>The text of a string, where it is valid Unicode.</summary>
    internal static string TextOf(JsonElement element, string name)
    {
        try
        {
            return element.GetString() ?? "";
        }
        catch (InvalidOperationException e)
        {
            throw new InvalidModelException($"{name} holds text that is not Unicode.", e);
        }
    }

    /// <summary>The name of a property, where it is valid Unicode.</summary>
    internal static string NameOf(JsonProperty property, string name)
    {
        try
        {
            return property.Name;
        }
        catch (InvalidOperationException e)
        {
            throw new InvalidModelException($"{name} holds a name that is not Unicode.", e);
        }
    }

    // A string, which is kept, or one of those numbers. Latin-1 maps every byte to a character and back.
    [GeneratedRegex("""
        "(?>[^"\\]+|\\.)*"?|-?Infinity|NaN
        """, RegexOptions.Singleline)]
    private static partial Regex PythonNumbers();
}
