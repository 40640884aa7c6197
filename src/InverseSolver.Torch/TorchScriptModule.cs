namespace InverseSolver.Torch;

/// <summary>A TorchScript module, read from a file that <c>torch.jit.save</c> wrote.</summary>
public sealed class TorchScriptModule : IDisposable
{
    private readonly ModuleHandle _handle;

    private TorchScriptModule(ModuleHandle handle) => _handle = handle;

    /// <summary>Loads a module for inference.</summary>
    /// <exception cref="NativeException">No such file, or not a module.</exception>
    public static TorchScriptModule Load(string path, Device device = default)
    {
        Native.Check(Native.inv_module_load(path, (int)device.Type, device.Index, out ModuleHandle handle));
        return new TorchScriptModule(handle);
    }

    /// <summary>Calls <c>forward</c>, which gives one tensor.</summary>
    public unsafe Tensor forward(params ReadOnlySpan<Arg> args)
    {
        Native.Value result = default;
        Lowered.Call(0, _handle, "forward", args, &result, 1);
        if (result.Kind == Native.Kind.Tensor)
        {
            return new Tensor(result.Pointer);
        }

        Op.Release(result);
        throw new InvalidOperationException("the module's forward does not give a tensor");
    }

    /// <inheritdoc/>
    public void Dispose() => _handle.Dispose();
}
