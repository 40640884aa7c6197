using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Xunit;

namespace InverseSolver.ImagingTests;

/// <summary>An Orthanc of the test's own: an empty archive on loopback, with DICOMweb, that ends with the test.</summary>
internal sealed class OrthancServer : IDisposable
{
    private const string Program = "/usr/sbin/Orthanc";
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("inverse-orthanc-");
    private readonly Process _process;
    private readonly StringBuilder _log = new();

    private OrthancServer(int port)
    {
        string configuration = Path.Combine(_folder.FullName, "orthanc.json");
        File.WriteAllText(configuration, $$"""
            {
              "Name": "test", "StorageDirectory": "{{_folder.FullName}}", "IndexDirectory": "{{_folder.FullName}}", "HttpPort": {{port}},
              "DicomServerEnabled": false, "RemoteAccessAllowed": false, "AuthenticationEnabled": false,
              "Plugins": ["/usr/share/orthanc/plugins"], "DicomWeb": { "Enable": true }
            }
            """);
        _process = Process.Start(new ProcessStartInfo(Program, [configuration]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        _process.OutputDataReceived += (_, line) => Note(line.Data);
        _process.ErrorDataReceived += (_, line) => Note(line.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        Client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}/") };
    }

    internal HttpClient Client { get; }

    internal static async Task<OrthancServer> StartAsync()
    {
        Assert.SkipUnless(File.Exists(Program), "Orthanc is not installed (scripts/install-packages.sh test).");
        var server = new OrthancServer(FreePort());
        try
        {
            await server.UpAsync();
            return server;
        }
        catch
        {
            server.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        Client.Dispose();
        if (!_process.HasExited) _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
        _folder.Delete(recursive: true);
    }

    private async Task UpAsync()
    {
        for (long start = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(60); await Task.Delay(100))
        {
            Assert.False(_process.HasExited, $"Orthanc ended: {_log}");
            try
            {
                if ((await Client.GetAsync("system")).IsSuccessStatusCode) return;
            }
            catch (HttpRequestException)
            {
                // It does not listen yet.
            }
        }
        Assert.Fail($"Orthanc did not start: {_log}");
    }

    private void Note(string? line)
    {
        lock (_log) _log.AppendLine(line);
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
