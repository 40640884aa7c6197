using System.Diagnostics;

namespace InverseSolver.UnitTests;

/// <summary>The checkout that the tests were built in, and its programs.</summary>
internal static class Repository
{
    internal static string Root { get; } = Find();

    /// <summary>Debug or Release, as the tests.</summary>
    internal static string Configuration { get; } = Path.GetFileName(Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory)))!;

    /// <summary>A file of the checkout.</summary>
    internal static string File(params string[] parts) => Path.Combine([Root, .. parts]);

    /// <summary>Runs a program to its end, with a bounded wait.</summary>
    internal static (int ExitCode, string Output) Run(string program, string[] arguments, (string Name, string? Value)[]? environment = null)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = Root };
        foreach ((string name, string? value) in environment ?? [])
        {
            start.Environment[name] = value;
        }

        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd() + error.Result;
        if (!process.WaitForExit(TimeSpan.FromMinutes(3)))
        {
            process.Kill(entireProcessTree: true);
        }

        return (process.ExitCode, output);
    }

    private static string Find()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !System.IO.File.Exists(Path.Combine(folder.FullName, "InverseSolver.sln")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new InvalidOperationException("The tests run inside their checkout.");
    }
}
