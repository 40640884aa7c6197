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

    /// <summary>The declaration of <c>forward</c>, for example <c>forward(__torch__.Net self, Tensor x) -> Tensor</c>; long ones are cut.</summary>
    /// <exception cref="NativeException">The module has no <c>forward</c>.</exception>
    public unsafe string schema => Native.Text((buffer, capacity) => Native.inv_module_schema(_handle, "forward", buffer, capacity));

    /// <summary>Calls <c>forward</c>: the tensor that it gives, or the first of several. Gradients go to the arguments, never to the module's parameters.</summary>
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
