using System.Diagnostics;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace InverseSolver.Torch;

/// <summary>A TorchScript module for inference, read from a file that <c>torch.jit.save</c> wrote.</summary>
public sealed class TorchScriptModule : IDisposable
{
    private const int LimitMs = 120_000;
    private const string NoTensor = "the module's forward does not give a dense tensor";
    private static readonly FieldInfo Handle = typeof(torch.nn.Module).GetField("handle", BindingFlags.Instance | BindingFlags.NonPublic)!;
    private readonly torch.jit.ScriptModule _module;
    private bool _optimise = true, _disposed;

    private TorchScriptModule(torch.jit.ScriptModule module) => _module = module;

    /// <summary>Loads a module. A separate process tries it first, because a file that libtorch cannot read may end the process.</summary>
    /// <exception cref="InvalidDataException">The file is no module, or not one for this libtorch.</exception>
    public static TorchScriptModule Load(string path, Device? device = null)
    {
        using var check = Process.Start(new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "inverse_module_check"), [path])
        {
            RedirectStandardError = true,
            Environment = { ["TORCH_SHOW_CPP_STACKTRACES"] = "0", ["DOTNET_DbgEnableMiniDump"] = "0" },
        })!;
        Task<string> output = check.StandardError.ReadToEndAsync();
        if (!check.WaitForExit(LimitMs))
        {
            check.Kill();
            throw new InvalidDataException("It takes more than two minutes to load.");
        }

        if (check.ExitCode != 0)
        {
            // The output of a process that was ended: "terminate called after throwing ...", "what():", and then the reason.
            string reason = output.Result.Split('\n').Select(line => line.Replace("what():", "", StringComparison.Ordinal).Trim())
                .FirstOrDefault(line => line.Length > 0 && !line.StartsWith("terminate called", StringComparison.Ordinal), "libtorch ends on it");
            throw new InvalidDataException(reason);
        }

        using DisposeScope scope = torch.NewDisposeScope();
        torch.jit.ScriptModule module = torch.jit.load(path, device?.type ?? DeviceType.CPU, device?.index ?? -1);
        module.eval();

        // Those of all inner modules are among them.
        foreach (TorchSharp.Modules.Parameter parameter in module.parameters(recurse: false))
        {
            parameter.requires_grad_(false);
        }

        return new TorchScriptModule(module);
    }

    /// <summary>
    /// Chooses between TorchScript's optimiser (true, as loaded) and running operator by operator as written. The optimiser profiles the first calls and then
    /// runs others, so that a result may depend on the calls before it in its last bits; but some traced modules run only with it.
    /// </summary>
    public void Optimise(bool on) => _optimise = on;

    /// <summary>
    /// Calls <c>forward</c>: the tensor that it gives, or the first of several. Gradients go to the arguments, never to the module's parameters.
    /// </summary>
    /// <exception cref="ObjectDisposedException">It was disposed.</exception>
    /// <exception cref="ExternalException">The arguments do not suit the module.</exception>
    /// <exception cref="InvalidOperationException">It does not give a dense tensor.</exception>
    public Tensor forward(params Tensor[] arguments)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        using DisposeScope scope = torch.NewDisposeScope();
        Symbols.SetGraphExecutorOptimize(_optimise ? (byte)1 : (byte)0);
        object? result;
        try
        {
            result = _module.forward([.. arguments]);
        }
        catch (Exception error) when (!error.IsFromTorch)
        {
            // TorchSharp knows tensors, numbers and flat lists and tuples of them; of others it throws what it happens to.
            throw new InvalidOperationException(NoTensor, error);
        }

        Tensor? tensor = result as Tensor ?? (result as ITuple)?[0] as Tensor ?? (result as Tensor[])?.FirstOrDefault();
        return tensor is { is_sparse: false } ? tensor.MoveToOuterDisposeScope() : throw new InvalidOperationException(NoTensor);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        // nn.Module's own Dispose makes an object of every inner module, and of each of them all tensors.
        _disposed = true;
        ((SafeHandle)Handle.GetValue(_module)!).Dispose();
        GC.SuppressFinalize(_module);
    }
}
