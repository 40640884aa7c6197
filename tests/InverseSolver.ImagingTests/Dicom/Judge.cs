using System.Diagnostics;
using Xunit;

namespace InverseSolver.ImagingTests;

/// <summary>Programs that others wrote and that make or judge our files; a test is skipped where its program is not installed.</summary>
internal static class Judge
{
    /// <summary>Runs it to its end; what it wrote to standard output and error.</summary>
    internal static string Run(string program, params string[] arguments)
    {
        (int code, string text) = Try(program, arguments);
        Assert.True(code == 0, $"{program} {string.Join(' ', arguments)}: {text}");
        return text;
    }

    /// <summary>Its exit code, and what it wrote.</summary>
    internal static (int Code, string Text) Try(string program, params string[] arguments)
    {
        string path = Path.Combine("/usr/bin", program);
        Assert.SkipUnless(File.Exists(path), $"{program} is not installed (scripts/install-packages.sh test).");
        using Process process = Process.Start(new ProcessStartInfo(path, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + errors.Result);
    }

    /// <summary>The output of a Python script; skipped where a module is missing.</summary>
    internal static string Python(string module, string script, params string[] arguments)
    {
        (int code, string text) = Try("python3", ["-c", $"import {module}"]);
        Assert.SkipUnless(code == 0, $"Python's {module} is not installed (scripts/install-packages.sh test): {text}");
        return Run("python3", ["-c", script, .. arguments]);
    }
}
