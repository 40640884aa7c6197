using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace InverseSolver.Service.Documentation;

/// <summary>The documentation comments of types and properties.</summary>
internal static partial class XmlDocs
{
    private static readonly Dictionary<string, XElement> Members = Load();

    /// <summary>A type's summary.</summary>
    public static string? Of(Type type) => Text(Members.GetValueOrDefault($"T:{Name(type)}")?.Element("summary"));

    /// <summary>A property's summary, or the text of its record's parameter.</summary>
    public static string? Of(PropertyInfo property)
    {
        string type = Name(property.DeclaringType!);
        return Text(Members.GetValueOrDefault($"P:{type}.{property.Name}")?.Element("summary"))
            ?? Text(
                Members.GetValueOrDefault($"T:{type}")?.Elements("param").FirstOrDefault(parameter => (string?)parameter.Attribute("name") == property.Name));
    }

    /// <summary>The documentation files beside the program.</summary>
    public static IEnumerable<string> Files => Directory.EnumerateFiles(AppContext.BaseDirectory, "InverseSolver.*.xml").Order(StringComparer.Ordinal);

    private static Dictionary<string, XElement> Load() => Files
        .SelectMany(file => XDocument.Load(file).Descendants("member"))
        .GroupBy(member => (string)member.Attribute("name")!)
        .ToDictionary(group => group.Key, group => group.First());

    private static string Name(Type type) => type.FullName!.Replace('+', '.');

    private static string? Text(XElement? element)
    {
        if (element is null)
        {
            return null;
        }

        string text = string.Concat(element.Nodes().Select(node => node switch
        {
            XText plain => plain.Value,
            XElement { Name.LocalName: "see" } see => ((string?)see.Attribute("cref"))?.Split('.')[^1],
            XElement inner => inner.Value,
            _ => null,
        }));
        return Space().Replace(text, " ").Trim() is { Length: > 0 } trimmed ? trimmed : null;
    }

    [GeneratedRegex(@"\s+")]
    private static partial Regex Space();
}
