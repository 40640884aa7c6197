using System.Collections.Concurrent;
using System.Diagnostics;

namespace InverseSolver.ServiceTests;

/// <summary>The service as a process of its own, to be killed or refused.</summary>
internal sealed class ServiceProcess : IDisposable
{
    private readonly Process _process;
    private readonly ConcurrentQueue<string> _lines = new();
    private readonly TaskCompletionSource<string> _listening = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public ServiceProcess(string folder, string url = "http://127.0.0.1:0", params (string Name, string Value)[] settings)
        : this(typeof(Program).Assembly.Location, folder, url, settings)
    {
    }

    public ServiceProcess(string program, string folder, string url, (string Name, string Value)[] settings)
    {
        var start = new ProcessStartInfo("dotnet", [program, "--urls", url])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = folder,
        };
        start.Environment["Jobs__DataFolder"] = folder;
        start.Environment["Models__Folders__0"] = Path.Combine(Repository.Root, "models");
        start.Environment["Jobs__ProgressInterval"] = "00:00:00";
        foreach ((string name, string value) in settings)
        {
            start.Environment[name] = value;
        }

        _process = Process.Start(start)!;
        _process.OutputDataReceived += (_, line) =>
        {
            _lines.Enqueue(line.Data ?? "");
            if (line.Data?.IndexOf("Now listening on: ", StringComparison.Ordinal) is >= 0 and int at)
            {
                _listening.TrySetResult(line.Data[(at + 18)..]);
            }
        };
        _process.BeginOutputReadLine();
    }

    public int Id => _process.Id;

    /// <summary>What it wrote to its standard output, the log, until now.</summary>
    public string Log => string.Join('\n', _lines);

    public async Task<HttpClient> ClientAsync() =>
        new() { BaseAddress = new Uri(await _listening.Task.WaitAsync(TimeSpan.FromSeconds(60))) };

    public async Task<(int Code, string Error)> ExitAsync()
    {
        string error = await _process.StandardError.ReadToEndAsync();
        await _process.WaitForExitAsync();
        return (_process.ExitCode, error);
    }

    public void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            Kill();
        }

        _process.Dispose();
    }
}
