using System.Runtime.InteropServices;
using System.Text;
using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Packages;
using Microsoft.Data.Sqlite;

namespace InverseSolver.Service;

/// <summary>Keeps what senders wrote out of the log, whatever its levels are.</summary>
internal static class LogPrivacy
{
    /// <summary>
    /// Leaves out what the framework logs below a warning: addresses, queries and headers as they were sent. Configured levels hold for the service itself.
    /// </summary>
    public static void Add(IServiceCollection services) => services.PostConfigure<LoggerFilterOptions>(static filters =>
    {
        // The last of the rules that fit equally counts, so that this one counts where there is no other.
        LoggerFilterRule[] rules = [new(null, null, filters.MinLevel, null), .. filters.Rules];
        filters.Rules.Clear();
        foreach (LoggerFilterRule rule in rules)
        {
            filters.Rules.Add(new LoggerFilterRule(
                rule.ProviderName, rule.CategoryName, rule.LogLevel,
                (provider, category, level) => (level >= LogLevel.Warning || IsOwn(category)) && rule.Filter?.Invoke(provider, category, level) != false));
        }
    });

    private static bool IsOwn(string? category) =>
        category is "Microsoft.Hosting.Lifetime" || category?.StartsWith("InverseSolver.", StringComparison.Ordinal) == true;
}

/// <summary>An error as it is logged: kinds and places of its chain, and the texts of the system, none of which may quote what a sender sent.</summary>
/// <param name="error">The error.</param>
internal sealed class LoggedError(Exception error) : Exception
{
    /// <inheritdoc/>
    public override string Message => error.GetType().ToString();

    /// <inheritdoc/>
    public override string ToString()
    {
        var text = new StringBuilder();
        for (Exception? one = error; one is not null; one = one.InnerException)
        {
            text.Append(one.GetType()).AppendLine(IsOfSystem(one) ? $": {one.Message}" : "").AppendLine(one.StackTrace);
        }

        return text.ToString().TrimEnd();
    }

    // Of the disk, the database, memory, libtorch, model packages.
    private static bool IsOfSystem(Exception one) => one is
        SqliteException or UnauthorizedAccessException or OutOfMemoryException or ExternalException or DllNotFoundException
        or InvalidModelException or ModelUnavailableException or (IOException and not BadHttpRequestException);
}
