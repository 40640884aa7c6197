using System.Globalization;
using System.Text.Json;

namespace InverseSolver.Reconstruction;

/// <summary>Sentences on a word that is none of those which are known.</summary>
public static class Words
{
    private const int Longest = 40;

    /// <summary>The known words, after the one that was sent.</summary>
    /// <param name="sent">The word that was sent; null where there was none to be shown.</param>
    /// <param name="known">All known words.</param>
    public static string NoneOf(string? sent, IEnumerable<string> known) =>
        $"{(sent is null ? "The value" : $"'{Short(sent)}'")} is none of: {string.Join(", ", known)}.";

    /// <summary>The words of an enumeration in JSON, in the order of their numbers.</summary>
    /// <param name="type">The enumeration.</param>
    /// <param name="options">What it is read with.</param>
    public static string[] Of(Type type, JsonSerializerOptions options) =>
    [
        .. Enum.GetValues(type).Cast<object>().OrderBy(value => Convert.ToInt64(value, CultureInfo.InvariantCulture))
            .Select(value => JsonSerializer.SerializeToElement(value, type, options).GetString()!),
    ];

    /// <summary>The beginning of a text that was sent, without anything that a terminal, a log or a page would take for more than text.</summary>
    /// <param name="sent">The text.</param>
    public static string Short(string sent)
    {
        string clean = string.Concat(sent.Take(Longest).Select(letter => letter is ' ' or '-' or '_' or '.' || char.IsLetterOrDigit(letter) ? letter : '?'));
        return sent.Length <= Longest ? clean : $"{clean}...";
    }
}
