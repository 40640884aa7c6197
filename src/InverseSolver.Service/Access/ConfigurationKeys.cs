using System.Collections;
using System.Reflection;

namespace InverseSolver.Service.Access;

/// <summary>
/// Checks the configuration's keys. An unknown key is probably misspelt, and its author believes it to be in force, so the service refuses to start.
/// </summary>
internal static class ConfigurationKeys
{
    // Every class of options has its section as a constant.
    private static readonly Dictionary<string, Type> Sections = typeof(ConfigurationKeys).Assembly.GetTypes()
        .Select(type => (Type: type, Section: type.GetField("Section", BindingFlags.Public | BindingFlags.Static)?.GetRawConstantValue() as string))
        .Where(options => options.Section is not null)
        .ToDictionary(options => options.Section!, options => options.Type, StringComparer.OrdinalIgnoreCase);

    // The keys that ASP.NET Core reads.
    private static readonly HashSet<string> OfTheHost = new(
        ["urls", "http_ports", "https_ports", "environment", "contentRoot", "applicationName", "webRoot", "Kestrel", "Logging", "AllowedHosts"],
        StringComparer.OrdinalIgnoreCase);

    /// <summary>Refuses unknown keys in the service's sections, and sections whose names differ from these by one slip.</summary>
    /// <param name="configuration">The whole configuration.</param>
    public static void Check(IConfiguration configuration)
    {
        foreach (IConfigurationSection section in configuration.GetChildren())
        {
            if (Sections.TryGetValue(section.Key, out Type? options))
            {
                Check(section, options);
            }
            else if (section.GetChildren().FirstOrDefault() is { } child && Sections.Keys.FirstOrDefault(name => IsSlip(section.Key, name)) is { } similar)
            {
                throw Refused($"{child.Path} is not an option of the service: the section is called {similar}.");
            }
        }
    }

    /// <summary>Refuses arguments of the command line that neither the service nor its host reads.</summary>
    /// <param name="arguments">The arguments, as <c>--SECTION:NAME VALUE</c> or <c>--SECTION:NAME=VALUE</c>.</param>
    public static void CheckArguments(IEnumerable<string> arguments)
    {
        foreach (string argument in arguments.Where(argument => argument.StartsWith("--", StringComparison.Ordinal)))
        {
            string section = argument[2..].Split('=')[0].Split(':')[0];
            if (!Sections.ContainsKey(section) && !OfTheHost.Contains(section))
                throw Refused(
                    $"--{section} is not an option of the service. Its options are --urls and those of docs/configuration.md, as --Jobs:DataFolder /data.");
        }
    }

    /// <summary>Refuses environment variables that name an option of the service with one underscore in place of two.</summary>
    /// <param name="names">The names of all variables.</param>
    public static void CheckEnvironment(IEnumerable<string> names)
    {
        foreach (string name in names)
        {
            int at = name.IndexOf('_', StringComparison.Ordinal);
            if (at < 0 || !Sections.TryGetValue(name[..at], out Type? options) || name[at..].StartsWith("__", StringComparison.Ordinal)) continue;
            if (OptionsOf(options).Any(option => option.Name.Equals(name[(at + 1)..].Split("__")[0], StringComparison.OrdinalIgnoreCase)))
                throw Refused(
                    $"The environment variable {name} has no effect: section and option are separated by two underscores ({name[..at]}__{name[(at + 1)..]}).");
        }
    }

    private static void Check(IConfigurationSection section, Type options)
    {
        PropertyInfo[] known = OptionsOf(options);
        foreach (IConfigurationSection key in section.GetChildren())
        {
            PropertyInfo option = known.FirstOrDefault(property => property.Name.Equals(key.Key, StringComparison.OrdinalIgnoreCase))
                ?? throw Refused(
                    $"{key.Path} is not an option of the service; those of {section.Key} are {string.Join(", ", known.Select(property => property.Name))}.");
            IConfigurationSection? below = key.GetChildren().FirstOrDefault();
            bool several = option.PropertyType != typeof(string) && option.PropertyType.IsAssignableTo(typeof(IEnumerable));
            if (!several && below is not null)
            {
                throw Refused($"{below.Path} is not an option of the service; {key.Path} is a single value.");
            }

            if (several && below is null && !string.IsNullOrEmpty(key.Value))
            {
                throw Refused(
                    $"{key.Path} is not a single value: {key.Path}:{(option.PropertyType.IsArray ? "0 is the first of its list" : "NAME is that of a NAME")}.");
            }
        }
    }

    private static PropertyInfo[] OptionsOf(Type options) => [.. options.GetProperties().Where(property => property.SetMethod is not null)];

    private static StartRefusedException Refused(string text) => new(text, 2);

    /// <summary>True where two names differ by one inserted, deleted or replaced letter, or by two exchanged neighbours.</summary>
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
