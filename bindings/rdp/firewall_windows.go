package rdp

import (
	"fmt"
	"runtime"

	"github.com/go-ole/go-ole"
	"github.com/go-ole/go-ole/oleutil"
)

// allProfiles is a firewall's domain, private and public profile together.
const allProfiles = 1 | 2 | 4

// comAlready is what COM says on a thread that has it: S_FALSE.
const comAlready = 1

// setFirewall turns the group's rules on or off through the firewall's own interface: what is written into the registry
// alone counts from the next start of the machine on.
func setFirewall(on bool) error {
	runtime.LockOSThread() // COM belongs to a thread
	defer runtime.UnlockOSThread()
	if err := ole.CoInitializeEx(0, ole.COINIT_MULTITHREADED); err != nil {
		if already, ok := err.(*ole.OleError); !ok || already.Code() != comAlready {
			return fmt.Errorf("firewall: %w", err)
		}
	}
	defer ole.CoUninitialize()
	object, err := oleutil.CreateObject("HNetCfg.FwPolicy2")
	if err != nil {
		return fmt.Errorf("firewall: %w", err)
	}
	defer object.Release()
	policy, err := object.QueryInterface(ole.IID_IDispatch)
	if err != nil {
		return fmt.Errorf("firewall: %w", err)
	}
	defer policy.Release()
	result, err := oleutil.CallMethod(policy, "EnableRuleGroup", int32(allProfiles), ruleGroup, on)
	if err != nil {
		return fmt.Errorf("firewall's rules %q: %w", ruleGroup, err)
	}
	return result.Clear()
}
