using System.Collections;
using System.Reflection;

namespace InverseSolver.Service.Access;

/// <summary>A key of ours that nobody reads is a misspelt one, and whoever wrote it believes that it is in force: the service does not start with it.</summary>
internal static class ConfigurationKeys
{
    // Every class of options names its section.
    private static readonly Dictionary<string, Type> _sections = typeof(ConfigurationKeys).Assembly.GetTypes()
        .Select(type => (Type: type, Section: type.GetField("Section", BindingFlags.Public | BindingFlags.Static)?.GetRawConstantValue() as string))
        .Where(options => options.Section is not null)
        .ToDictionary(options => options.Section!, options => options.Type, StringComparer.OrdinalIgnoreCase);

    /// <summary>Refuses keys under our sections that are no options, and under sections whose names are a slip of the pen away from ours.</summary>
    /// <param name="configuration">The whole configuration.</param>
    public static void Check(IConfiguration configuration)
    {
        foreach (IConfigurationSection section in configuration.GetChildren())
        {
            if (_sections.TryGetValue(section.Key, out Type? options))
            {
                Check(section, options);
            }
            else if (section.GetChildren().FirstOrDefault() is { } child && _sections.Keys.FirstOrDefault(name => IsSlip(section.Key, name)) is { } meant)
            {
                throw Refused($"{child.Path} is no option of the service: the section is called {meant}.");
            }
        }
    }

    private static void Check(IConfigurationSection section, Type options)
    {
        PropertyInfo[] known = [.. options.GetProperties().Where(property => property.SetMethod is not null)];
        foreach (IConfigurationSection key in section.GetChildren())
        {
            PropertyInfo option = known.FirstOrDefault(property => property.Name.Equals(key.Key, StringComparison.OrdinalIgnoreCase))
                ?? throw Refused($"{key.Path} is no option of the service; those of {section.Key} are {string.Join(", ", known.Select(property => property.Name))}.");
            IConfigurationSection? below = key.GetChildren().FirstOrDefault();
            bool several = option.PropertyType != typeof(string) && option.PropertyType.IsAssignableTo(typeof(IEnumerable));
            if (!several && below is not null)
            {
                throw Refused($"{below.Path} is no option of the service; {key.Path} is one value.");
            }

            if (several && below is null && !string.IsNullOrEmpty(key.Value))
            {
                throw Refused($"{key.Path} is not one value: {key.Path}:{(option.PropertyType.IsArray ? "0 is the first of its list" : "NAME is that of a NAME")}.");
            }
        }
    }

    private static StartRefusedException Refused(string text) => new(text, 2);

    /// <summary>Whether two names differ by one letter more, fewer or other, or by two neighbours that changed places.</summary>
    private static bool IsSlip(string a, string b)
    {
        (a, b) = (a.ToUpperInvariant(), b.ToUpperInvariant());
        (string shorter, string longer) = a.Length < b.Length ? (a, b) : (b, a);
        int same = shorter.Zip(longer).TakeWhile(pair => pair.First == pair.Second).Count();
        string left = shorter[same..], right = longer[same..];
        return (longer.Length - shorter.Length) switch
        {
            0 => left[1..] == right[1..] || (left.Length > 1 && left[0] == right[1] && left[1] == right[0] && left[2..] == right[2..]),
            1 => left == right[1..],
            _ => false,
        };
    }
}
