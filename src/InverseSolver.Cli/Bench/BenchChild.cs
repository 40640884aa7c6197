using System.Diagnostics;
using System.Text.Json.Nodes;

namespace InverseSolver.Cli.Bench;

/// <summary>A bench of one job in a process of its own, since a peak of memory never falls.</summary>
internal static class BenchChild
{
    /// <summary>Runs the program that runs.</summary>
    /// <param name="arguments">What follows <c>inverse bench</c>, without <c>--json</c>.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <returns>The first row of its JSON.</returns>
    internal static JsonNode Run(string[] arguments, CancellationToken cancellation)
    {
        string file = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true };
            foreach (string argument in (string[])["bench", .. arguments, "--json", file])
            {
                start.ArgumentList.Add(argument);
            }

            using Process child = Process.Start(start)!;
            using CancellationTokenRegistration stopped = cancellation.Register(child.Kill);
            child.StandardOutput.ReadToEnd();
            child.WaitForExit();
            cancellation.ThrowIfCancellationRequested();
            return File.Exists(file)
                ? JsonNode.Parse(File.ReadAllText(file))![0]!.DeepClone()
                : throw new CommandException($"The run of {string.Join(' ', arguments)} ended with {child.ExitCode}.");
        }
        finally
        {
            File.Delete(file);
        }
    }
}
